"""The surfaces of a Surface Segmentation (PS3.3 §C.27.1, C.27.4)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.items import Item, ReadBulk
from ..errors import Unreadable
from .meshes import Triangles, check_count

Indices = NDArray[np.int64]


def read_segments(item: Item, read_bulk: ReadBulk, limit: int) -> tuple[Triangles, Triangles | None]:
    """Return the triangles of one item of Surface Sequence, and the normals of its points if it has them.

    Triangles, strips, fans and facets are all turned into triangles; lines and single points are left out.

    Raises:
        Unreadable: there are more triangles than ``limit``, or one has a corner that is not there.
        LookupError, OSError, NegatoscopeError: as ``read_bulk``.
    """
    points = _vectors(item.item("SurfacePointsSequence"), "PointCoordinatesData", read_bulk)
    corners = np.concatenate(
        [np.zeros((0, 3), np.int64), *_primitives(item.item("SurfaceMeshPrimitivesSequence"), read_bulk, limit)]
    )
    check_count(len(corners), limit)
    if len(corners) and not 0 <= int(corners.min()) <= int(corners.max()) < len(points):
        raise Unreadable("It is damaged: a triangle has a corner that is not there.")
    normals = _vectors(item.item("SurfacePointsNormalsSequence"), "VectorCoordinateData", read_bulk)
    given = normals[corners] if len(normals) == len(points) and len(corners) else None
    return points[corners], given


def _vectors(item: Item, keyword: str, read_bulk: ReadBulk) -> Triangles:
    data = item.binary(keyword, read_bulk)
    return np.frombuffer(data, "<f4", len(data) // 12 * 3).reshape(-1, 3).astype(np.float32, copy=False)


def _primitives(item: Item, read_bulk: ReadBulk, limit: int) -> Iterator[Indices]:
    whole = _indices(item, "LongTrianglePointIndexList", "TrianglePointIndexList", read_bulk)
    yield whole[: len(whole) // 3 * 3].reshape(-1, 3)
    left = limit
    for keyword, cut in (
        ("TriangleStripSequence", _cut_strip),
        ("TriangleFanSequence", _cut_fan),
        ("FacetSequence", _cut_fan),
    ):
        for inner in item.items(keyword):
            corners = cut(_indices(inner, "LongPrimitivePointIndexList", "PrimitivePointIndexList", read_bulk))
            left -= len(corners)
            check_count(limit - left, limit)
            yield corners


def _indices(item: Item, long: str, short: str, read_bulk: ReadBulk) -> Indices:
    """Return indices from 0; those in the file count from 1."""
    kind: Any = "<u4" if long in item else "<u2"
    data = item.binary(long if long in item else short, read_bulk)
    size = np.dtype(kind).itemsize
    return np.frombuffer(data, kind, len(data) // size).astype(np.int64) - 1


def _cut_strip(points: Indices) -> Indices:
    """Return the triangles of a strip; every other one is turned round, so that all face one way."""
    if len(points) < 3:
        return np.zeros((0, 3), np.int64)
    corners = np.column_stack((points[:-2], points[1:-1], points[2:]))
    corners[1::2] = corners[1::2, ::-1]
    return corners


def _cut_fan(points: Indices) -> Indices:
    if len(points) < 3:
        return np.zeros((0, 3), np.int64)
    return np.column_stack((np.full(len(points) - 2, points[0]), points[1:-1], points[2:]))
