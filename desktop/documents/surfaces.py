"""Surfaces of triangles: encapsulated STL and OBJ, and Surface Segmentation (PS3.3 §A.85, A.57)."""

import json
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dicom.items import Item, ReadBulk
from ..errors import Unreadable
from .formatting import format_code, format_units
from .html import shorten
from .meshes import TRIANGLE_LIMIT, Triangles, find_normals
from .obj import parse_obj
from .segments import read_segments
from .stl import parse_stl

STL, OBJ, SURFACES = (f"1.2.840.10008.5.1.4.1.1.{part}" for part in ("104.3", "104.4", "66.5"))
DEFAULT_COLOR = (0.87, 0.80, 0.71)


@dataclass(frozen=True, slots=True)
class Surface:
    """A surface.

    Attributes:
        color: red, green and blue, 0 to 1 (sRGB).
        opacity: 0 to 1.
        positions: shape (n, 3, 3): n triangles of 3 corners with x, y and z, in the mesh's units.
        normals: the same form, of length 1.
    """

    name: str
    color: tuple[float, float, float]
    opacity: float
    positions: Triangles
    normals: Triangles


@dataclass(frozen=True, slots=True)
class Mesh:
    """What one object holds.

    Attributes:
        units: such as ``mm``; empty if the object does not tell.
        frame_of_reference: UID; empty if the object does not tell.
        bounds: least and greatest (x, y, z).
    """

    name: str
    units: str
    frame_of_reference: str
    bounds: tuple[tuple[float, float, float], tuple[float, float, float]]
    surfaces: tuple[Surface, ...]

    @property
    def triangles(self) -> int:
        """Number of all triangles."""
        return sum(len(surface.positions) for surface in self.surfaces)


def read_mesh(item: Item, read_bulk: ReadBulk) -> Mesh:
    """Return the surfaces of an object.

    Raises:
        Unreadable: the object has none, or too many triangles, or is damaged.
        LookupError, OSError, NegatoscopeError: as ``read_bulk``.
    """
    sop_class = item.text("SOPClassUID")
    if sop_class == SURFACES or "SurfaceSequence" in item:
        surfaces = _read_segments(item, read_bulk)
    else:
        surfaces = (_read_model(item, read_bulk, sop_class),)
    if not any(len(surface.positions) for surface in surfaces):
        raise Unreadable("It has no triangles.")
    lows = [surface.positions.min(axis=(0, 1)) for surface in surfaces if len(surface.positions)]
    highs = [surface.positions.max(axis=(0, 1)) for surface in surfaces if len(surface.positions)]
    low, high = np.min(lows, axis=0).tolist(), np.max(highs, axis=0).tolist()
    return Mesh(
        name=shorten(item.text("DocumentTitle") or item.text("ContentLabel") or item.text("SeriesDescription"), 200),
        units="mm" if sop_class == SURFACES else format_units(item.code("MeasurementUnitsCodeSequence")),
        frame_of_reference=item.text("FrameOfReferenceUID"),
        bounds=((low[0], low[1], low[2]), (high[0], high[1], high[2])),
        surfaces=surfaces,
    )


def _read_model(item: Item, read_bulk: ReadBulk, sop_class: str) -> Surface:
    data = item.binary("EncapsulatedDocument", read_bulk)
    length = item.integer("EncapsulatedDocumentLength")
    if length is not None and 0 < length < len(data):
        data = data[:length]
    mime = item.text("MIMETypeOfEncapsulatedDocument").lower()
    if sop_class == OBJ or (sop_class != STL and "obj" in mime):
        positions, given = parse_obj(data)
    else:
        positions, given = parse_stl(data), None
    name = shorten(item.text("DocumentTitle") or format_code(item.code("ConceptNameCodeSequence")), 200)
    return _make(name, item, positions, given)


def _read_segments(item: Item, read_bulk: ReadBulk) -> tuple[Surface, ...]:
    names = {
        reference.text("ReferencedSurfaceNumber"): shorten(segment.text("SegmentLabel"), 200)
        for segment in item.items("SegmentSequence")
        for reference in segment.items("ReferencedSurfaceSequence")
    }
    surfaces, total = [], 0
    for number, inner in enumerate(item.items("SurfaceSequence"), 1):
        positions, given = read_segments(inner, read_bulk, TRIANGLE_LIMIT - total)
        total += len(positions)
        told = names.get(inner.text("SurfaceNumber")) or shorten(inner.text("SurfaceComments"), 200)
        surfaces.append(_make(told or f"Surface {number}", inner, positions, given))
    return tuple(surfaces)


def _make(name: str, item: Item, positions: Triangles, normals: Triangles | None) -> Surface:
    finite = np.isfinite(positions).all(axis=(1, 2))
    if not finite.all():
        positions = positions[finite]
        normals = None if normals is None else normals[finite]
    opacity = item.number("RecommendedPresentationOpacity")
    return Surface(
        name=name,
        color=_color(item) or DEFAULT_COLOR,
        opacity=1.0 if opacity is None else min(1.0, max(0.0, opacity)),
        positions=positions,
        normals=find_normals(positions) if normals is None else normals,
    )


def _color(item: Item) -> tuple[float, float, float] | None:
    """Return Recommended Display CIELab Value as sRGB (PS3.3 §C.10.7.1.1); None if it is not told."""
    numbers = item.numbers("RecommendedDisplayCIELabValue")
    if len(numbers) != 3:
        return None
    lightness = numbers[0] / 65535 * 100
    a, b = (number / 65535 * 255 - 128 for number in numbers[1:])
    middle = (lightness + 16) / 116
    # The white of the PCS is D50; the matrix takes it to sRGB's.
    x, y, z = (
        white * (part**3 if part > 6 / 29 else 3 * (6 / 29) ** 2 * (part - 4 / 29))
        for white, part in zip((0.9642, 1.0, 0.8249), (middle + a / 500, middle, middle - b / 200), strict=True)
    )
    linear = (
        3.1338561 * x - 1.6168667 * y - 0.4906146 * z,
        -0.9787684 * x + 1.9161415 * y + 0.0334540 * z,
        0.0719453 * x - 0.2289914 * y + 1.4052427 * z,
    )
    red, green, blue = (_gamma(min(1.0, max(0.0, part))) for part in linear)
    return red, green, blue


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def pack_mesh(mesh: Mesh) -> bytes:
    """Return a mesh for a viewer that draws it.

    Four bytes say how long the header is (unsigned, little endian); the header follows, JSON in UTF-8, filled up with
    spaces to a multiple of 4; then numbers, float32 in little endian. The header is ``{"name", "units",
    "frameOfReference", "bounds": [[x, y, z], [x, y, z]], "surfaces": [{"name", "color": [r, g, b], "opacity",
    "triangles", "positions", "normals"}]}``, in which ``positions`` and ``normals`` are where these begin, counted in
    numbers from the first; each has 9 of them a triangle.
    """
    surfaces: list[dict[str, object]] = []
    arrays: list[NDArray[np.float32]] = []
    at = 0
    for surface in mesh.surfaces:
        size = surface.positions.size
        surfaces.append(
            {
                "name": surface.name,
                "color": [round(part, 4) for part in surface.color],
                "opacity": round(surface.opacity, 4),
                "triangles": len(surface.positions),
                "positions": at,
                "normals": at + size,
            }
        )
        arrays += [surface.positions, surface.normals]
        at += 2 * size
    told = {
        "name": mesh.name,
        "units": mesh.units,
        "frameOfReference": mesh.frame_of_reference,
        "bounds": mesh.bounds,
        "surfaces": surfaces,
    }
    header = json.dumps(told, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 4)
    return b"".join(
        [struct.pack("<L", len(header)), header, *(array.astype("<f4", copy=False).tobytes() for array in arrays)]
    )
