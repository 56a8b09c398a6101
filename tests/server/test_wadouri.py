"""WADO-URI: what older programs ask for, and what is refused."""

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from builders import make_image, save
from objects import Objects, make_objects
from PIL import Image
from pydicom import dcmread
from server.asking import Answer, Served, make_viewer, serve

from desktop.dicom.pixels.viewport import Viewport
from desktop.dicom.pixels.windows import Window
from desktop.pictures.rendering import Rendering
from desktop.server.renderquery import BadQuery
from desktop.server.wadouri import Query, Region, read_query

UIDS = {"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.3", "objectUID": "1.4"}
PLACE = ("1.2", "1.3", "1.4")
EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ({}, Query(PLACE)),
        ({"contentType": "image/png", "charset": "UTF-8", "unheard": "of"}, Query(PLACE, "image/png")),
        ({"transferSyntax": RLE}, Query(PLACE, transfer_syntax=RLE)),
        ({"frameNumber": "3"}, Query(PLACE, frame=3)),
        ({"rows": "100"}, Query(PLACE, rendering=Rendering(viewport=Viewport(0, 100)))),
        ({"rows": "100", "columns": "200"}, Query(PLACE, rendering=Rendering(viewport=Viewport(200, 100)))),
        ({"windowCenter": "40", "windowWidth": "400"}, Query(PLACE, rendering=Rendering(window=Window(40, 400)))),
        ({"imageQuality": "5"}, Query(PLACE, rendering=Rendering(quality=5))),
        ({"region": "0.1,.2,0.5,1"}, Query(PLACE, region=Region(0.1, 0.2, 0.5, 1.0))),
    ],
)
def test_queries(query: dict[str, str], meant: Query) -> None:
    assert read_query({**UIDS, **query}) == meant


@pytest.mark.parametrize(
    "query",
    [
        *({"requestType": text} for text in ("", "wado", "QIDO")),
        *({name: text} for name in ("studyUID", "seriesUID", "objectUID") for text in ("", "x", "1.2'", "../1")),
        *({name: "yes"} for name in ("anonymize", "annotation", "presentationUID", "presentationSeriesUID")),
        *({"frameNumber": text} for text in ("0", "-1", "x", "1,2", "")),
        *({"rows": text} for text in ("0", "x", "99999")),
        {"columns": "1.5"},
        {"windowCenter": "40"},
        {"windowWidth": "400"},
        {"windowCenter": "40", "windowWidth": "0"},
        {"windowCenter": "x", "windowWidth": "400"},
        *({"imageQuality": text} for text in ("0", "101", "x")),
        *({"region": text} for text in ("", "0,0,1", "0,0,1,2", "0.5,0,0.5,1", "0,1,1,0", "a,0,1,1", "0,0,1,1,1")),
        {"transferSyntax": "x"},
    ],
)
def test_what_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadQuery, match=r"^[A-Z][^\n]*\.$"):
        read_query({**UIDS, **query})


@pytest.mark.parametrize(
    ("region", "viewport"),
    [
        (Region(), Viewport(0, 0, 0, 0, 20, 10)),
        (Region(0.5, 0.5, 1, 1), Viewport(0, 0, 10, 5, 10, 5)),
        (Region(0.999, 0.999, 1, 1), Viewport(0, 0, 19, 9, 1, 1)),
        (Region(0.1, 0, 0.12, 1), Viewport(0, 0, 2, 0, 1, 10)),
    ],
)
def test_regions(region: Region, viewport: Viewport) -> None:
    assert region.on(10, 20) == viewport
    assert viewport.fits(10, 20)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """One object of each kind."""
    return make_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, objects: Objects, pydicom_files: Path) -> Iterator[Served]:
    """Those objects and some images, served."""
    folder = tmp_path_factory.mktemp("wado")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        started.add(objects.folder, pydicom_files / "MR_small_RLE.dcm")
        yield started


def wado(served: Served, path: Path, **query: str) -> Answer:
    return served.ask(f"/wado?{urlencode({**uids_of(served, path), **query})}")


def uids_of(served: Served, path: Path) -> dict[str, str]:
    return {"requestType": "WADO", **dict(zip(("studyUID", "seriesUID", "objectUID"), served.place(path), strict=True))}


def test_images_are_pictures_at_first(stock: Served, objects: Objects, pydicom_files: Path) -> None:
    path = pydicom_files / "MR_small_RLE.dcm"
    assert wado(stock, path).header("content-type") == "image/jpeg"
    png = wado(stock, path, contentType="image/png")
    assert png.body == stock.ask(f"{stock.instance(path)}/rendered", "image/png").body
    assert wado(stock, path, contentType="image/webp,image/gif").header("content-type") == "image/gif"
    small = wado(stock, path, contentType="image/png", rows="16", region="0,0,0.5,1")
    assert Image.open(io.BytesIO(small.body)).size == (8, 16)
    window = wado(stock, path, contentType="image/png", windowCenter="300", windowWidth="500", frameNumber="1")
    other = stock.ask(f"{stock.instance(path)}/rendered?window=300,500,linear", "image/png")
    assert window.body == other.body != png.body
    wado(stock, path, frameNumber="2").sentence(404)
    wado(stock, path, contentType="text/html").sentence(406)
    wado(stock, path, anonymize="yes").sentence(400)


def test_files(stock: Served, objects: Objects, pydicom_files: Path) -> None:
    path = pydicom_files / "MR_small_RLE.dcm"
    plain = wado(stock, path, contentType="application/dicom")
    assert plain.header("content-type") == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert np.array_equal(dcmread(io.BytesIO(plain.body)).pixel_array, dcmread(path).pixel_array)
    assert wado(stock, path, contentType="application/dicom", transferSyntax=RLE).body == path.read_bytes()
    wado(stock, path, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.4.50").sentence(406)
    wado(stock, path, contentType="application/dicom", frameNumber="1").sentence(400)


def test_other_objects(stock: Served, objects: Objects, tmp_path: Path) -> None:
    assert wado(stock, objects.files["pdf"]).body.startswith(b"%PDF")
    ecg = objects.files["ecg"]
    assert wado(stock, ecg).body == ecg.read_bytes()
    page = wado(stock, objects.files["report"])
    assert "A quiet lung." in page.text
    path = save(make_image(NumberOfFrames=2), tmp_path / "image")
    stock.add(path)
    assert wado(stock, path).body == path.read_bytes()
    assert wado(stock, path, contentType="image/jpeg", frameNumber="2").body.startswith(b"\xff\xd8")


def test_uids_that_do_not_go_together(stock: Served, objects: Objects, pydicom_files: Path) -> None:
    one, other = uids_of(stock, objects.files["ct"]), uids_of(stock, pydicom_files / "MR_small_RLE.dcm")
    for name in ("studyUID", "seriesUID", "objectUID"):
        for uid in (other[name], "1.2.3.4"):
            stock.ask(f"/wado?{urlencode({**one, name: uid})}").sentence(404)
        stock.ask(f"/wado?{urlencode({**one, name: ''})}").sentence(400)
    stock.ask("/wado").sentence(400)
