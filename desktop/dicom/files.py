"""Opens files without ever waiting for one that is none."""

import os
import stat
from typing import BinaryIO


def open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading, in bytes.

    Between the walk and the reading, a pipe may have taken its place; opening that would wait for ever.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    number = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError("it is no regular file")  # noqa: TRY301 - the file is to be closed
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise
