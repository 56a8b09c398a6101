"""OBJ, Wavefront's format of models (PS3.3 §A.85.2): points, normals and faces; materials are passed over."""

from array import array
from collections.abc import Iterator

import numpy as np

from ..errors import Unreadable
from .meshes import TRIANGLE_LIMIT, Triangles, check_count

_POINT_LIMIT = 3 * TRIANGLE_LIMIT
_CORNERS = 10_000
"""Corners of one face."""


class _Model:
    def __init__(self) -> None:
        self.points = array("f")
        self.normals = array("f")
        self.corners = array("q")
        self.directions = array("q")
        self.every_corner_has_one = True

    def face(self, words: list[bytes]) -> None:
        """Take a face; one with more corners than three becomes a fan."""
        if not 3 <= len(words) <= _CORNERS:
            return
        count, directions = len(self.points) // 3, len(self.normals) // 3
        corners, normals = [], []
        for word in words:
            parts = word.split(b"/")
            corners.append(_index(parts[0], count))
            normals.append(_index(parts[2], directions) if len(parts) > 2 and parts[2] else -1)
        for at in range(1, len(corners) - 1):
            self.corners.extend((corners[0], corners[at], corners[at + 1]))
            self.directions.extend((normals[0], normals[at], normals[at + 1]))


def parse_obj(data: bytes) -> tuple[Triangles, Triangles | None]:
    """Return triangles, and normals if each corner has one.

    Raises:
        Unreadable: it is damaged, or has too many triangles.
    """
    model = _Model()
    try:
        for line in _lines(data):
            words = line.split()
            if not words:
                continue
            if words[0] == b"v":
                model.points.extend(map(float, words[1:4]))
            elif words[0] == b"vn":
                model.normals.extend(map(float, words[1:4]))
            elif words[0] == b"f":
                model.face(words[1:])
                check_count(len(model.corners) // 3)
            if len(model.points) > 3 * _POINT_LIMIT or len(model.normals) > 3 * _POINT_LIMIT:
                raise Unreadable("It has too many points to be shown.")
    except (ValueError, OverflowError) as error:
        raise Unreadable("It is no OBJ file, or is damaged: where a number should be, there is none.") from error
    if len(model.points) % 3 or len(model.normals) % 3:
        raise Unreadable("It is damaged: one of its points has not three coordinates.")
    return _gather(model)


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield lines without comments; one that ends in a backslash goes on in the next."""
    kept = b""
    for line in data.splitlines():
        line = kept + line.partition(b"#")[0]
        kept = b""
        if line.endswith(b"\\"):
            kept = line[:-1] + b" "
            continue
        yield line
    yield kept


def _index(word: bytes, count: int) -> int:
    """Return an index from 0; those in the file count from 1, or backwards from the last."""
    number = int(word)
    found = number - 1 if number > 0 else count + number
    # A point may be named before it is told; whether it is there is known at the end.
    if number == 0 or found < 0 or found >= 1 << 40:
        raise ValueError(number)
    return found


def _gather(model: _Model) -> tuple[Triangles, Triangles | None]:
    points = np.frombuffer(model.points, np.float32).reshape(-1, 3)
    corners = np.frombuffer(model.corners, np.int64)
    if len(corners) and int(corners.max()) >= len(points):
        raise Unreadable("It is damaged: a triangle has a corner that is not there.")
    positions = points[corners].reshape(-1, 3, 3)
    directions = np.frombuffer(model.directions, np.int64)
    normals = np.frombuffer(model.normals, np.float32).reshape(-1, 3)
    if not len(directions) or int(directions.min()) < 0 or int(directions.max()) >= len(normals):
        return positions, None
    return positions, normals[directions].reshape(-1, 3, 3)
