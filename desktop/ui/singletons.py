"""Keeps Python 3.11 alive under Qt's bindings.

The bindings are built for Python 3.12 and later, where None, True, False and NotImplemented are never freed, so they
give them out without counting. Python 3.11 counts: each request of the page and each fact that it tells takes one
reference too many, and after some ten thousand of them the interpreter aborts.
"""

import ctypes
import sys

_PLENTY = 1 << 40


def protect_singletons() -> None:
    """Give the singletons more references than can be lost; nothing to do from Python 3.12 on (PEP 683)."""
    if sys.version_info >= (3, 12):
        return
    for singleton in (None, True, False, NotImplemented):
        # The reference count is the first field of every object.
        ctypes.c_ssize_t.from_address(id(singleton)).value += _PLENTY
