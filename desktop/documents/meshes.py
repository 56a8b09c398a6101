"""What all surfaces have in common: triangles, their limit, and their normals."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import Unreadable

Triangles: TypeAlias = NDArray[np.float32]
"""Shape (n, 3, 3): n triangles of 3 corners with x, y and z."""

TRIANGLE_LIMIT = 5_000_000
"""Triangles of one object: about 400 MB with their normals."""

_CREASE = 0.75
"""Cosine from which on a corner is smooth: at sharper edges each side keeps its own direction."""


def check_count(count: int, limit: int = TRIANGLE_LIMIT) -> None:
    """Raise Unreadable if there are too many triangles."""
    if count > limit:
        raise Unreadable(f"It has more than {limit:,} triangles, which is too many to be shown.")


def find_normals(positions: Triangles) -> Triangles:
    """Return normals at each corner: those of the faces around it, averaged where the surface is smooth."""
    first, second, third = positions[:, 0], positions[:, 1], positions[:, 2]
    faces = np.cross(second - first, third - first)
    flat = _unit(faces)
    if not len(positions):
        return np.zeros_like(positions)
    _, corner = np.unique(_hash(positions.reshape(-1, 3)), return_inverse=True)
    summed = np.empty((int(corner.max()) + 1, 3), np.float32)
    repeated = np.repeat(faces, 3, axis=0)
    for axis in range(3):
        summed[:, axis] = np.bincount(corner, repeated[:, axis])
    smooth = _unit(summed)[corner].reshape(positions.shape)
    apart = np.einsum("nij,nj->ni", smooth, flat) < _CREASE
    return np.where(apart[:, :, None], flat[:, None, :], smooth).astype(np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        # A triangle without an area has no direction; any will do.
        result = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    result[~(lengths > 0) | ~np.isfinite(result).all(axis=1)] = (0, 0, 1)
    return result.astype(np.float32, copy=False)


def _hash(points: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a number for each point, the same for the same place."""
    # Adding 0 makes -0 and 0 one.
    bits = np.ascontiguousarray(points + np.float32(0)).view(np.uint32).astype(np.uint64)
    mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15)
    for axis in (1, 2):
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ bits[:, axis]) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))
