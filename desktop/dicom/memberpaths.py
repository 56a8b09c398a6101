"""Paths of files inside archives.

Such a path is the archive's, a NUL, the entry's place in the central directory, a slash and its name:
``/x/study.zip␀12/DICOM/IM1``. In an archive inside an archive the same follows once more. No real path has a NUL. The
place tells two entries of one name apart; the name is for people, and never becomes a path on a disk.
"""

import re

_NUL = "\0"
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def member_path(archive: str, index: int, name: str) -> str:
    """Return the path of an archive's entry; ``name`` has no NUL."""
    return f"{archive}{_NUL}{index}/{name}"


def is_member(path: str) -> bool:
    """Whether the path leads into an archive."""
    return _NUL in path


def outermost(path: str) -> str:
    """Return the real file that a path leads to or into."""
    return path.partition(_NUL)[0]


def container(path: str) -> str:
    """Return the archive, real or within another one, that holds this member."""
    return path.rpartition(_NUL)[0]


def depth(path: str) -> int:
    """Return in how many archives, one within another, a path leads."""
    return path.count(_NUL)


def index_and_name(path: str) -> tuple[int, str]:
    """Return a member's place in the central directory and its name; the place is -1 if the path has none."""
    index, _, name = path.rpartition(_NUL)[2].partition("/")
    return (int(index) if _DIGITS.fullmatch(index) else -1), name


def shown(path: str) -> str:
    """Return any path as text for people: ``/x/a.zip/inner.zip/IM1``; what is no text is escaped."""
    real, *members = path.split(_NUL)
    names = [member.partition("/")[2] for member in members]
    return _UNSHOWABLE.sub(_escape, "/".join([real, *names]))


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
