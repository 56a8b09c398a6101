"""Surfaces: the triangles that the file holds, or a sentence that says why not."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset
from unit.documents.pages import code, dataset, head, item_of, make, make_from_file, no_bulk
from unit.helpers import header_of

from desktop.dicom.bulkdata import read_bulk_data
from desktop.dicom.items import load_item
from desktop.documents import meshes, obj, segments, stl, surfaces
from desktop.documents.meshes import find_normals
from desktop.documents.obj import parse_obj
from desktop.documents.stl import parse_stl
from desktop.documents.surfaces import Mesh, pack_mesh, read_mesh
from desktop.errors import Unreadable

TRIANGLES = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 1, 0], [0, 0, 2.5]]], np.float32)


def binary_stl(triangles: ArrayLike, head: bytes = b"made by somebody", attribute: int = 0) -> bytes:
    values = np.asarray(triangles, np.float32)
    facets = b"".join(struct.pack("<3f", 0, 0, 0) + one.tobytes() + struct.pack("<H", attribute) for one in values)
    return head.ljust(80, b" ")[:80] + struct.pack("<L", len(values)) + facets


def text_stl(triangles: ArrayLike) -> bytes:
    facets = "".join(
        "facet normal 0 0 1\n outer loop\n"
        + "".join(f"  VERTEX {x:g}  {y:e} {z:g}\r\n" for x, y, z in one)
        + " endloop\nendfacet\n"
        for one in np.asarray(triangles)
    )
    return f"solid thing\n{facets}endsolid".encode()


def model(data: bytes, sop_class: str = "104.3", **attributes: object) -> Dataset:
    made = head(sop_class, DocumentTitle="Thing", **attributes)
    made.EncapsulatedDocumentLength = len(data)
    made.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    return made


def read(source: Dataset) -> Mesh:
    return read_mesh(item_of(source), no_bulk)


@pytest.mark.parametrize(
    "data",
    [
        binary_stl(TRIANGLES),
        binary_stl(TRIANGLES, b"solid but binary"),
        binary_stl(TRIANGLES, b"COLOR=\1\2\3\4", attribute=0x8123),
        binary_stl(TRIANGLES) + b"\0",
        text_stl(TRIANGLES),
        b"  \n" + text_stl(TRIANGLES),
    ],
)
def test_stl(data: bytes) -> None:
    assert np.allclose(parse_stl(data), TRIANGLES)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no STL"),
        (b"hello", "no STL"),
        (binary_stl(TRIANGLES)[:-30], "cut short: it has 1 of 2"),
        (text_stl(TRIANGLES).replace(b"2.5", b"x"), "no number"),
        (text_stl(TRIANGLES).rpartition(b"VERTEX")[0], "not whole"),
        (b"\1" * 80 + struct.pack("<L", 4_000_000_000) + b"\0" * 500, "cut short"),
    ],
)
def test_stl_that_is_damaged(data: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        parse_stl(data)


def test_too_many_triangles(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.repeat(TRIANGLES, 3, axis=0)
    monkeypatch.setattr(stl, "check_count", lambda count: meshes.check_count(count, 5))
    for data in (binary_stl(many), text_stl(many)):
        with pytest.raises(Unreadable, match="more than 5 triangles"):
            parse_stl(data)


@given(st.binary(max_size=400))
def test_any_bytes_are_triangles_or_unreadable(data: bytes) -> None:
    for parse in (parse_stl, parse_obj, lambda data: parse_stl(b"solid" + data)):
        try:
            parse(data)
        except Unreadable:
            continue


def test_obj() -> None:
    data = b"""# a comment
mtllib x.mtl
o thing
v 0 0 0 1.0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vn 0 0 1
usemtl skin
s off
f 1 2 3 4
f -4/1/1 -3/1/1 -2/1/1
f 1//1 \\
  3//1 4//1
f 1 2
"""
    triangles, normals = parse_obj(data)
    corners = {0: (0, 0, 0), 1: (1, 0, 0), 2: (1, 1, 0), 3: (0, 1, 0)}
    expected = [(0, 1, 2), (0, 2, 3), (0, 1, 2), (0, 2, 3)]
    assert triangles.tolist() == [[list(corners[corner]) for corner in one] for one in expected]
    assert normals is None, "not all corners have one"


def test_normals_of_obj() -> None:
    _, normals = parse_obj(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nvn 0 0 -1\nf 1//1 2//1 3//1")
    assert normals is not None
    assert normals.tolist() == [[[0, 0, -1]] * 3]


@pytest.mark.parametrize(
    "data",
    [
        b"v 0 0 x",
        b"v 0 0",
        b"v 0 0 0\nf 1 2 9",
        b"v 0 0 0\nf 0 1 1",
        b"v 0 0 0\nf -2 1 1",
        b"v 0 0 0\nf 1 1 99999999999999999999",
        b"v 0 0 0\nf a b c",
    ],
)
def test_obj_that_is_damaged(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_obj(data)


def test_too_large_an_obj(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obj, "check_count", lambda count: meshes.check_count(count, 3))
    with pytest.raises(Unreadable, match="more than 3"):
        parse_obj(b"v 0 0 0\nf 1 1 1 1 1 1 1")
    monkeypatch.setattr(obj, "_POINT_LIMIT", 2)
    with pytest.raises(Unreadable, match="too many points"):
        parse_obj(b"v 0 0 0\n" * 3)


POINTS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)


def surface(**lists: object) -> Dataset:
    primitives = dataset()
    for keyword, value in lists.items():
        if isinstance(value, list) and keyword.endswith("Sequence"):
            items = []
            for indices in value:
                item = dataset()
                item.add_new("PrimitivePointIndexList", "OW", np.array(indices, "<u2").tobytes())
                items.append(item)
            setattr(primitives, keyword, items)
        elif keyword.startswith("Long"):
            primitives.add_new(keyword, "OL", np.array(value, "<u4").tobytes())
        else:
            primitives.add_new(keyword, "OW", np.array(value, "<u2").tobytes())
    points = dataset(NumberOfSurfacePoints=len(POINTS))
    points.add_new("PointCoordinatesData", "OF", POINTS.tobytes())
    return dataset(
        SurfaceNumber=1,
        SurfaceComments="A comment",
        RecommendedDisplayCIELabValue=[
            int(0.5324 * 65535),
            int((80.1 + 128) / 255 * 65535),
            int((67.2 + 128) / 255 * 65535),
        ],
        RecommendedPresentationOpacity=0.5,
        SurfacePointsSequence=[points],
        SurfaceMeshPrimitivesSequence=[primitives],
    )


def segmentation(*surfaces_made: Dataset) -> Dataset:
    segment = dataset(SegmentLabel="Liver", ReferencedSurfaceSequence=[dataset(ReferencedSurfaceNumber=1)])
    return head(
        "66.5",
        ContentLabel="ORGANS",
        FrameOfReferenceUID="1.2.50",
        SegmentSequence=[segment],
        SurfaceSequence=list(surfaces_made),
    )


@pytest.mark.parametrize(
    ("lists", "corners"),
    [
        ({"TrianglePointIndexList": [1, 2, 3, 1, 3, 4]}, [(0, 1, 2), (0, 2, 3)]),
        ({"LongTrianglePointIndexList": [1, 2, 3]}, [(0, 1, 2)]),
        ({"TriangleStripSequence": [[1, 2, 3, 4]]}, [(0, 1, 2), (3, 2, 1)]),
        ({"TriangleFanSequence": [[1, 2, 3, 4]]}, [(0, 1, 2), (0, 2, 3)]),
        ({"FacetSequence": [[1, 2, 3, 4], [5]]}, [(0, 1, 2), (0, 2, 3)]),
        ({"TrianglePointIndexList": [1, 2, 3, 9]}, [(0, 1, 2)]),
    ],
)
def test_surfaces_of_a_segmentation(lists: dict[str, object], corners: list[tuple[int, ...]]) -> None:
    mesh = read(segmentation(surface(**lists)))
    (one,) = mesh.surfaces
    assert one.positions.tolist() == [[POINTS[corner].tolist() for corner in triangle] for triangle in corners]
    assert (mesh.name, mesh.units, mesh.frame_of_reference) == ("ORGANS", "mm", "1.2.50")
    assert (one.name, one.opacity) == ("Liver", 0.5)


def test_colours_are_turned_from_lab_to_rgb() -> None:
    # CIELab 53, 80, 67 is the red of sRGB.
    (one,) = read(segmentation(surface(TrianglePointIndexList=[1, 2, 3]))).surfaces
    assert one.color == pytest.approx((1.0, 0.0, 0.0), abs=0.1)


def test_normals_that_the_file_has_are_taken() -> None:
    one = surface(TrianglePointIndexList=[1, 2, 3])
    normals = dataset(VectorDimensionality=3)
    normals.add_new("VectorCoordinateData", "OF", np.tile(np.array([0, 1, 0], np.float32), (5, 1)).tobytes())
    one.SurfacePointsNormalsSequence = [normals]
    assert read(segmentation(one)).surfaces[0].normals.tolist() == [[[0, 1, 0]] * 3]


def test_a_segmentation_that_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    for indices in ([1, 2, 99], [0, 1, 2]):
        with pytest.raises(Unreadable, match="not there"):
            read(segmentation(surface(TrianglePointIndexList=indices)))
    with pytest.raises(Unreadable, match="no triangles"):
        read(segmentation(surface(TrianglePointIndexList=[])))
    monkeypatch.setattr(surfaces, "TRIANGLE_LIMIT", 3)
    several = [surface(TriangleFanSequence=[[1, 2, 3, 4]]) for _ in range(2)]
    with pytest.raises(Unreadable, match="too many"):
        read(segmentation(*several))
    assert segments.read_segments


def test_normals_are_smooth_but_for_edges() -> None:
    flat = np.array([[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 0, 0], [1, 1, 0], [0, 1, 0]]], np.float32)
    assert np.allclose(find_normals(flat), [0, 0, 1])
    bent = flat.copy()
    bent[1, 2] = (0, 1, 0.3)
    normals = find_normals(bent)
    assert np.allclose(normals[0, 0], normals[1, 0]), "one direction where they meet"
    assert not np.allclose(normals[0, 0], normals[0, 1])
    corner = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32)
    assert np.allclose(find_normals(corner)[0], [0, 0, 1]), "an edge of 90 degrees stays one"
    assert np.allclose(np.linalg.norm(normals, axis=2), 1, atol=1e-5)


def test_triangles_without_an_area_have_normals_too() -> None:
    assert np.isfinite(find_normals(np.zeros((2, 3, 3), np.float32))).all()
    assert find_normals(np.zeros((0, 3, 3), np.float32)).shape == (0, 3, 3)
    assert np.isfinite(find_normals(np.full((1, 3, 3), 3e38, np.float32))).all()


def test_corners_that_are_no_numbers_are_left_out() -> None:
    broken = TRIANGLES.copy()
    broken[0, 0, 0] = np.nan
    assert read(model(binary_stl(broken))).triangles == 1


def test_a_mesh_is_packed_for_the_viewer() -> None:
    units = code("mm", "UCUM", "mm")
    mesh = read(model(binary_stl(TRIANGLES), FrameOfReferenceUID="1.2.50", MeasurementUnitsCodeSequence=units))
    packed = pack_mesh(mesh)
    size = int.from_bytes(packed[:4], "little")
    header = json.loads(packed[4 : 4 + size])
    assert size % 4 == 0
    numbers = np.frombuffer(packed, "<f4", offset=4 + size)
    (one,) = header["surfaces"]
    assert header["bounds"] == [[0, 0, 0], [1, 1, 2.5]]
    assert (header["name"], header["units"], header["frameOfReference"]) == ("Thing", "mm", "1.2.50")
    assert (one["triangles"], one["positions"], one["normals"], len(numbers)) == (2, 0, 18, 36)
    assert np.allclose(numbers[:18].reshape(2, 3, 3), TRIANGLES)
    assert np.allclose(numbers[18:].reshape(2, 3, 3), mesh.surfaces[0].normals)


def test_the_page_of_a_surface() -> None:
    document, page = make(model(binary_stl(TRIANGLES), ModelMirroring="NO"))
    assert (document.kind, document.title) == ("surface", "Thing")
    assert "1.0 * 1.0 * 2.5 (units not told) Size 2 Triangles".replace("*", "\N{MULTIPLICATION SIGN}") in page.text
    _, page = make(segmentation(surface(TrianglePointIndexList=[1, 2, 3]), surface(TrianglePointIndexList=[1, 2, 3])))
    assert "1 Liver 1 0.5" in page.text
    _, page = make(model(b"nonsense"))
    assert "The surface can't be shown. It is no STL file, or is damaged." in page.text


def test_a_real_surface(corpus: Path) -> None:
    path = corpus / "derived-dev/encapsulated/brain-mesh-stl.dcm"
    item = load_item(header_of(path).dicom_json)

    def read_file(uri: str) -> bytes:
        with path.open("rb") as file:
            return read_bulk_data(file, path.stat().st_size, uri.partition("/bulkdata/")[2])

    mesh = read_mesh(item, read_file)
    assert mesh.triangles == 9600
    assert len(pack_mesh(mesh)) > 9600 * 72
    _, page = make_from_file(path)
    assert "9,600 Triangles" in page.text
