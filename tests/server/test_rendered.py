"""Pictures for programs that know nothing of DICOM: the right pixels, and what is refused."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import ROOT_UID, make_image, make_stack, save
from objects import Objects, make_objects
from PIL import Image
from pydicom import dcmread
from pydicom.pixels import apply_color_lut
from pydicom.uid import generate_uid
from server.asking import Answer, Served, instance_path, make_viewer, serve, wait_for

from desktop.dicom.pixels.viewport import Viewport
from desktop.dicom.pixels.windows import Window
from desktop.pictures.rendering import Rendering
from desktop.server.multipart import read_accept
from desktop.server.rendered import Choice, choose_media
from desktop.server.renderquery import BadQuery, read_rendering

PNG, JPEG, GIF = "image/png", "image/jpeg", "image/gif"


@pytest.mark.parametrize(
    ("query", "rendering"),
    [
        ({}, Rendering()),
        ({"window": "40,400,linear"}, Rendering(window=Window(40, 400, "LINEAR"))),
        ({"window": "-40.5,0.5,linear-exact"}, Rendering(window=Window(-40.5, 0.5, "LINEAR_EXACT"))),
        ({"window": "1e3,2e3,SIGMOID"}, Rendering(window=Window(1000, 2000, "SIGMOID"))),
        ({"viewport": "100,50"}, Rendering(viewport=Viewport(100, 50))),
        ({"viewport": "100,50,1,2,3.5,-4"}, Rendering(viewport=Viewport(100, 50, 1, 2, 3.5, -4))),
        ({"viewport": "100,50,,,30,"}, Rendering(viewport=Viewport(100, 50, 0, 0, 30, 0))),
        ({"quality": "1"}, Rendering(quality=1)),
        ({"quality": "100", "iccprofile": "no", "unheard": "of", "accept": "image/png"}, Rendering(quality=100)),
    ],
)
def test_queries(query: dict[str, str], rendering: Rendering) -> None:
    assert read_rendering(query) == rendering


@pytest.mark.parametrize(
    "query",
    [
        "annotation=patient",
        "iccprofile=yes",
        *(f"window={text}" for text in ("", "1", "1,2", "1,2,3", "1,2,linear,4", "x,2,linear", "1,0,linear-exact")),
        *(
            f"window={text}"
            for text in ("1,0.5,linear", "1,-2,sigmoid", "nan,1,linear", "1,inf,linear", "1,1e99999,linear")
        ),
        *(f"viewport={text}" for text in ("", "1", "0,1", "-1,1", "1.5,1", "1,2,3", "1,1,0,0,0", "1,1,-1,0,0,0")),
        *(
            f"viewport={text}"
            for text in ("x,1", "99999,1", "1,1,a,0,0,0", "1,1,0,0,nan,0", "1,1,0,0,0,0,0", "\u0661,1")
        ),
        *(f"quality={text}" for text in ("", "0", "101", "-1", "1.5", "x", "\u0663")),
    ],
)
def test_values_that_make_no_sense(query: str) -> None:
    name, _, value = query.partition("=")
    with pytest.raises(BadQuery, match=r"^[A-Z][^\n]*\.$"):
        read_rendering({name: value})


@pytest.mark.parametrize(
    ("viewport", "fits"),
    [
        (Viewport(), True),
        (Viewport(1, 1, 0, 0, 20, 10), True),
        (Viewport(1, 1, 0, 0, -20, -10), True),
        (Viewport(1, 1, 19, 9), True),
        (Viewport(1, 1, 20, 0), False),
        (Viewport(1, 1, 0, 10), False),
        (Viewport(1, 1, 1, 0, 20, 10), False),
        (Viewport(1, 1, 0, 1, 20, -10), False),
        (Viewport(1, 1, 0, 0, 0.5, 1), False),
    ],
)
def test_regions(viewport: Viewport, fits: bool) -> None:
    assert viewport.fits(10, 20) is fits


@pytest.mark.parametrize(
    ("accept", "available", "count", "choice"),
    [
        ("", (JPEG, PNG), 1, Choice(JPEG, in_parts=False)),
        ("*/*", (JPEG, PNG), 2, Choice(JPEG, in_parts=True)),
        ("image/*", (JPEG, PNG), 1, Choice(JPEG, in_parts=False)),
        ("image/png", (JPEG, PNG), 1, Choice(PNG, in_parts=False)),
        ("image/png", (JPEG, PNG), 2, None),
        ("image/webp, image/png;q=0.5, image/jpeg;q=0.1", (JPEG, PNG), 1, Choice(PNG, in_parts=False)),
        ('multipart/related; type="image/png"', (JPEG, PNG), 2, Choice(PNG, in_parts=True)),
        ("multipart/related", (JPEG, PNG), 1, Choice(JPEG, in_parts=True)),
        ('multipart/related; type="application/dicom"', (JPEG, PNG), 1, None),
        ("application/dicom", (JPEG, PNG), 1, None),
    ],
)
def test_media_types(accept: str, available: tuple[str, ...], count: int, choice: Choice | None) -> None:
    assert choose_media(read_accept(accept), available, count) == choice


def picture_of(answer: Answer, media_type: str = PNG) -> np.ndarray:
    assert (answer.status, answer.header("content-type")) == (200, media_type), answer.body[:200]
    with Image.open(io.BytesIO(answer.body)) as image:
        assert image.get_format_mimetype() == media_type
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB" if image.getcolors() else "L"))


def rendered(served: Served, path: Path, tail: str = "", accept: str | None = PNG) -> Answer:
    return served.ask(f"{served.instance(path)}/rendered{tail}", accept)


def linear(values: np.ndarray, center: float, width: float) -> np.ndarray:
    """PS3.3 §C.11.2.1.2, in its own words."""
    inside = ((values - (center - 0.5)) / (width - 1) + 0.5) * 255
    out = np.where(
        values <= center - 0.5 - (width - 1) / 2, 0, np.where(values > center - 0.5 + (width - 1) / 2, 255, inside)
    )
    return np.floor(out + 0.5).astype(np.uint8)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [0, 1])
def test_windows(shelf: Served, tmp_path: Path, photometric: str, signed: int) -> None:
    stored = (np.arange(64 * 64).reshape(64, 64) - (2048 if signed else 0)).astype(np.int16 if signed else np.uint16)
    ds = make_image(
        Rows=64,
        Columns=64,
        PixelRepresentation=signed,
        RescaleSlope=2,
        RescaleIntercept=-1000,
        PhotometricInterpretation=photometric,
        PixelData=stored.tobytes(),
    )
    path = save(ds, tmp_path / "image")
    shelf.add(path)
    values = stored * 2.0 - 1000
    for tail, expected in (
        ("", linear(values, 40, 400)),
        ("?window=100,3000,linear", linear(values, 100, 3000)),
        ("?window=100,3000,linear-exact", np.floor(np.clip((values - 100) / 3000 + 0.5, 0, 1) * 255 + 0.5)),
        ("?window=100,3000,sigmoid", np.floor(255 / (1 + np.exp(-4 * (values - 100) / 3000)) + 0.5)),
    ):
        expected = 255 - expected if photometric == "MONOCHROME1" else expected
        shown = picture_of(rendered(shelf, path, tail)).astype(int)
        # What lies in the middle between two levels may be rounded either way once it is turned over.
        assert np.abs(shown - expected).max() <= (1 if photometric == "MONOCHROME1" else 0), tail


def test_colours_and_palettes(gallery: Served, pydicom_files: Path) -> None:
    ds = dcmread(pydicom_files / "SC_rgb_rle.dcm")
    assert np.array_equal(picture_of(rendered(gallery, pydicom_files / "SC_rgb_rle.dcm")), ds.pixel_array)
    path = pydicom_files / "examples_palette.dcm"
    ds = dcmread(path)
    colours = apply_color_lut(ds.pixel_array, ds)
    expected = (colours >> (8 if colours.dtype == np.uint16 else 0)).astype(np.uint8)
    assert np.array_equal(picture_of(rendered(gallery, path)), expected)


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """An image of 8 bits, of which each pixel is known, and its pixels."""
    array = np.add.outer(np.arange(40) * 4, np.arange(60)).astype(np.uint8)
    ds = make_image(
        Rows=40,
        Columns=60,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        WindowCenter=128,
        WindowWidth=256,
        PixelSpacing=[1, 1],
        PixelData=array.tobytes(),
    )
    return save(ds, tmp_path_factory.mktemp("ramp") / "image"), array


@pytest.fixture
def on_shelf(shelf: Served, ramp: tuple[Path, np.ndarray]) -> Served:
    if str(ramp[0]) not in shelf.places():
        shelf.add(ramp[0])
    return shelf


def test_viewports(on_shelf: Served, ramp: tuple[Path, np.ndarray]) -> None:
    path, array = ramp
    assert np.array_equal(picture_of(rendered(on_shelf, path)), array)
    for text, expected in (
        ("60,40", array),
        ("600,40", array),
        ("60,40,0,0,,", array),
        ("20,10,5,10,20,10", array[10:20, 5:25]),
        ("20,10,5,10,-20,10", array[10:20, 5:25][:, ::-1]),
        ("20,10,5,10,20,-10", array[10:20, 5:25][::-1]),
        ("40,20,5,10,20,10", array[10:20, 5:25].repeat(2, 0).repeat(2, 1)),
        ("55,30,5,10,,", array[10:, 5:]),
    ):
        assert np.array_equal(picture_of(rendered(on_shelf, path, f"?viewport={text}")), expected), text
    # Each pixel is the mean of those that it covers.
    small = picture_of(rendered(on_shelf, path, "?viewport=30,100")).astype(float)
    assert small.shape == (20, 30)
    assert np.abs(small - array.reshape(20, 2, 30, 2).mean((1, 3))).max() <= 1
    for text in ("1,1,60,0,,", "1,1,0,0,61,40", "1,1,1,1,60,40"):
        said = rendered(on_shelf, path, f"?viewport={text}").sentence(400)
        assert said == "The image has 40 rows of 60 pixels: there is no such region in it."


def test_pixels_that_are_not_square(shelf: Served, tmp_path: Path) -> None:
    path = save(make_image(Rows=10, Columns=20, PixelSpacing=[2, 1]), tmp_path / "image")
    shelf.add(path)
    assert picture_of(rendered(shelf, path)).shape == (10, 20)
    assert picture_of(rendered(shelf, path, "?viewport=40,40")).shape == (40, 40)


def test_qualities(on_shelf: Served, ramp: tuple[Path, np.ndarray]) -> None:
    path, array = ramp
    sizes = {}
    for quality in (1, 50, 100):
        answer = rendered(on_shelf, path, f"?quality={quality}", None)
        sizes[quality] = len(answer.body)
        error = np.abs(picture_of(answer, JPEG).astype(int) - array).max()
        assert error <= (2 if quality == 100 else 255)
    assert sizes[1] < sizes[50] < sizes[100]


@pytest.mark.parametrize("query", ["annotation=patient,technique", "window=1", "viewport=0,0", "quality=0"])
@pytest.mark.parametrize("tail", ["/rendered", "/frames/1/rendered"])
def test_what_is_refused(on_shelf: Served, ramp: tuple[Path, np.ndarray], tail: str, query: str) -> None:
    said = on_shelf.ask(f"{on_shelf.instance(ramp[0])}{tail}?{query}").sentence(400)
    assert query.partition("=")[0] in said.lower()


@pytest.fixture(scope="module")
def film_like(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """An image of several frames, and its frames."""
    array = np.stack([np.full((16, 24), number * 20, np.uint8) for number in range(6)])
    array[:, 3, 5] = 255
    ds = make_image(
        Rows=16,
        Columns=24,
        NumberOfFrames=6,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        WindowCenter=128,
        WindowWidth=256,
        FrameTime=50,
        RepresentativeFrameNumber=3,
        PixelData=array.tobytes(),
    )
    return save(ds, tmp_path_factory.mktemp("frames") / "image"), array


def test_images_of_several_frames(shelf: Served, film_like: tuple[Path, np.ndarray]) -> None:
    path, frames = film_like
    shelf.add(path)
    # The frame that it names itself.
    assert np.array_equal(picture_of(rendered(shelf, path)), frames[2])
    answer = rendered(shelf, path, accept=GIF)
    assert answer.header("content-type") == GIF
    with Image.open(io.BytesIO(answer.body)) as film:
        assert film.n_frames == 6
        assert film.info["duration"] == 50
        for number in range(6):
            film.seek(number)
            assert np.array_equal(np.asarray(film.convert("L")), frames[number])
    address = shelf.instance(path)
    assert np.array_equal(picture_of(shelf.ask(f"{address}/frames/5/rendered", PNG)), frames[4])
    parts = shelf.ask(f"{address}/frames/6,1/rendered", f'multipart/related; type="{PNG}"').parts()
    shown = [np.asarray(Image.open(io.BytesIO(part.body))) for part in parts]
    assert np.array_equal(shown, frames[[5, 0]])
    shelf.ask(f"{address}/frames/1,2/rendered", PNG).sentence(406)
    shelf.ask(f"{address}/frames/7/rendered", PNG).sentence(404)
    shelf.ask(f"{address}/frames/x/rendered", PNG).sentence(400)
    assert picture_of(shelf.ask(f"{address}/thumbnail", PNG)).max() == 255
    shelf.ask(f"{address}/frames/1,2/thumbnail").sentence(400)
    assert picture_of(shelf.ask(f"{address}/frames/6/thumbnail?viewport=12,12", PNG)).shape == (8, 12)


def test_animations_that_would_be_endless(shelf: Served, tmp_path: Path) -> None:
    path = save(make_image(NumberOfFrames=1001, Rows=2, Columns=2), tmp_path / "image")
    shelf.add(path)
    assert "too many" in rendered(shelf, path, accept=GIF).sentence(404)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """One object of each kind."""
    return make_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, objects: Objects) -> Iterator[Served]:
    """Those objects, served."""
    folder = tmp_path_factory.mktemp("rendered")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        started.add(objects.folder)
        yield started


def test_documents(stock: Served, objects: Objects) -> None:
    pdf = rendered(stock, objects.files["pdf"], accept=None)
    assert pdf.header("content-type") == "application/pdf"
    assert pdf.body.startswith(b"%PDF")
    rendered(stock, objects.files["pdf"], accept=JPEG).sentence(406)
    page = rendered(stock, objects.files["report"], accept="text/html")
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert "A quiet lung." in page.text
    assert "script-src" not in (page.header("content-security-policy") or "")
    assert rendered(stock, objects.files["report"], accept=None).body == page.body
    rendered(stock, objects.files["report"]).sentence(406)
    rendered(stock, objects.files["ct"], accept="text/html").sentence(406)
    rendered(stock, objects.files["ct"], accept="video/webm").sentence(406)


def test_films(stock: Served, objects: Objects) -> None:
    path = objects.files["film"]
    assert picture_of(rendered(stock, path)).ndim == 3
    address = f"{stock.instance(path)}/rendered"
    wait_for(lambda: stock.ask(address, "video/webm").status == 200)
    whole = stock.ask(address, "video/webm")
    assert whole.header("content-type") == "video/webm"
    assert whole.body.startswith(b"\x1aE\xdf\xa3")
    part = stock.ask(address, "video/webm", headers={"Range": "bytes=4-9"})
    assert (part.status, part.body) == (206, whole.body[4:10])


def test_a_study_has_a_part_for_each_instance(stock: Served, objects: Objects) -> None:
    study = stock.place(objects.files["ct"])[0]
    address = f"/dicom-web/studies/{study}/rendered"
    places = [instance_path(place) for place in stock.places().values()]
    own = stock.ask(address, "multipart/related")
    assert own.status == 200
    _, _, body = own.body.partition(b"\r\n\r\n")
    assert body
    assert own.body.count(b"Content-Location: ") == len(places)
    for place in places:
        assert f"Content-Location: {place}/rendered".encode() in own.body
    pictures = stock.ask(address, f'multipart/related; type="{PNG}"')
    # What has no picture says so.
    assert pictures.body.count(b"Content-Type: image/png") >= 3
    assert pictures.body.count(b"Content-Type: text/plain") + pictures.body.count(b"Content-Type: image/png") == len(
        places
    )
    stock.ask(address, PNG).sentence(406)
    series = "/dicom-web/studies/{}/series/{}/rendered".format(*stock.place(objects.files["ct"]))
    parts = stock.ask(series, f'multipart/related; type="{PNG}"').parts()
    assert len(parts) == 3
    stock.ask(f"{series}?viewport=1,1,64,0,,", f'multipart/related; type="{PNG}"')
    alone = "/dicom-web/studies/{}/series/{}/rendered".format(*stock.place(objects.files["pdf"]))
    assert stock.ask(alone, "application/pdf").body.startswith(b"%PDF")
    stock.ask(f"{series}?quality=x").sentence(400)


def test_thumbnails(stock: Served, objects: Objects) -> None:
    study, series, _ = stock.place(objects.files["ct"])
    first = f"/dicom-web/studies/{study}"
    of_study = stock.ask(f"{first}/thumbnail")
    assert picture_of(of_study, JPEG).shape == (64, 64)
    assert stock.ask(f"{first}/series/{series}/thumbnail").body == of_study.body
    assert picture_of(stock.ask(f"{first}/thumbnail?viewport=32,100", GIF), GIF).shape[:2] == (32, 32)
    assert picture_of(stock.ask(f"{stock.instance(objects.files['state'])}/thumbnail"), JPEG).size
    stock.ask(f"{stock.instance(objects.files['report'])}/thumbnail").sentence(404)
    for tail, status in (("?viewport=1,2,3,4,5,6", 400), ("?annotation=patient", 400), ("?viewport=0,1", 400)):
        stock.ask(f"{first}/thumbnail{tail}").sentence(status)
    stock.ask(f"{first}/thumbnail", "text/html").sentence(406)
    assert stock.ask(f"{first}/thumbnail?window=1&quality=x").status == 200


def test_damaged_images_say_so(stock: Served, tmp_path: Path, pydicom_files: Path) -> None:
    ds = dcmread(pydicom_files / "MR_small_jp2klossless.dcm")
    ds.SOPInstanceUID, ds.Rows = generate_uid(ROOT_UID), 32
    ds.StudyInstanceUID = generate_uid(ROOT_UID)
    stack = make_stack(tmp_path / "stack", 1, StudyInstanceUID=ds.StudyInstanceUID)
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(ds, keyword, getattr(make_image(), keyword))
    path = save(ds, tmp_path / "image")
    stock.add(path, *stack)
    assert "the frame has 64 of 64" in rendered(stock, path).sentence(404)
    study = f"/dicom-web/studies/{stock.place(path)[0]}/rendered"
    both = stock.ask(study, f'multipart/related; type="{PNG}"')
    assert both.status == 200
    assert b"the frame has 64 of 64" in both.body
    assert b"\x89PNG" in both.body
