"""Opens the files of indexed instances, if they are still what was indexed."""

from typing import BinaryIO

from ..dicom.files import open_source
from ..dicom.records import FileRef
from ..errors import InputError
from ..library.places import is_here


class FileGone(OSError):  # noqa: N818 - a fact about the disk
    """The file is not there, or not the one that was indexed, or cannot be read. The sentence says which."""


def open_file(ref: FileRef) -> BinaryIO:
    """Open a file that was indexed, also in an archive.

    Raises:
        FileGone: it is not there, or it has changed since. Its offsets would then give wrong pixels.
    """
    try:
        if not is_here(ref.path, ref.medium):
            # Another disc may be in its place, with a file of this name.
            raise FileGone("The disc or stick with this file is not here now. Put it in.")  # noqa: TRY301
        source = open_source(ref.path)
    except FileGone:
        raise
    except InputError as error:
        raise FileGone(error.sentence) from error
    except OSError as error:
        raise FileGone("The file is not there now. Was its disc or stick taken out?") from error
    if (source.size, source.mtime_ns) == (ref.size, ref.mtime_ns):
        return source.file
    source.file.close()
    raise FileGone("The file has changed since it was read. Open its folder again.")
