"""Frames over HTTP: each is the file's own bytes, and never another's."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from builders import ROOT_UID, make_image, make_stack, save
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGBaseline8Bit,
    RLELossless,
    SegmentationStorage,
)
from server.asking import MANY_PARTS, ONE_PART, Served, instance_path
from server.pixels import (
    bits_of_frame,
    expected_frames,
    is_decodable,
    number_of_frames,
    read,
    same_frame,
    shown_to_the_viewer,
)

from desktop.server.frameforms import OCTETS, FrameForm, choose_frame_form
from desktop.server.multipart import read_accept
from desktop.server.ohif import make_config

PYDICOM_FILES = Path(str(pydicom.data.__file__)).parent / "test_files"
NATIVE, JPEG, RLE, J2K = "CT_small.dcm", "SC_rgb_jpeg_gdcm.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
JPEG_BASELINE, RLE_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"
DECODED = [
    name
    for name in (
        *(RLE, J2K, "JPEG-LL.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "emri_small_RLE.dcm"),
        *(
            "SC_rgb_jpeg_dcmtk.dcm",
            "SC_rgb_rle_16bit_2frame.dcm",
            "examples_ybr_color.dcm",
            "J2K_pixelrep_mismatch.dcm",
        ),
        *("emri_small_jpeg_2k_lossless.dcm", "SC_rgb_gdcm_KY.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm"),
    )
    if (PYDICOM_FILES / name).exists()
]

# pydicom says what it thinks of its own odd files.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@pytest.mark.parametrize("name", sorted(path.name for path in PYDICOM_FILES.glob("*.dcm")))
def test_every_frame_is_what_pydicom_reads(gallery: Served, pydicom_files: Path, name: str) -> None:
    path = pydicom_files / name
    uids, expected = gallery.places().get(str(path)), expected_frames(path)
    if uids is None:
        # No image was lost: this is none, or another file has the same bytes.
        assert expected is None or gallery.outcome(path) == "duplicate"
        return
    address = instance_path(uids)
    if expected is None:
        gallery.ask(f"{address}/frames/1", ONE_PART).sentence(404)
        return
    frames, syntax = expected
    for number, frame in enumerate(frames, start=1):
        single = gallery.ask(f"{address}/frames/{number}", ONE_PART)
        assert single.header("content-type") == f"application/octet-stream; transfer-syntax={syntax}"
        assert same_frame(single.one(), frame, bits_of_frame(path)), f"frame {number}"
        assert gallery.ask(f"{address}/frames/{number}", MANY_PARTS).one() == single.body
    together = gallery.ask(f"{address}/frames/{','.join(str(n + 1) for n in range(len(frames)))}", MANY_PARTS)
    assert [part.body for part in together.parts()] == frames
    gallery.ask(f"{address}/frames/{len(frames) + 1}", ONE_PART).sentence(404)


def test_every_frame_of_real_files(corpus_gallery: Served) -> None:
    wrong, seen = [], 0
    for name, uids in corpus_gallery.places().items():
        path, address = Path(name), instance_path(uids)
        expected = expected_frames(path)
        if expected is None:
            if corpus_gallery.ask(f"{address}/frames/1", ONE_PART).status != 404:
                wrong.append(f"{name}: has no frames")
            continue
        frames, syntax = expected
        bits = bits_of_frame(path)
        for number, frame in enumerate(frames, start=1):
            answer = corpus_gallery.ask(f"{address}/frames/{number}", ONE_PART)
            seen += 1
            if answer.header("content-type") != f"application/octet-stream; transfer-syntax={syntax}":
                wrong.append(f"{name}: frame {number}: {answer.status} {answer.header('content-type')}")
            elif not same_frame(answer.body, frame, bits):
                wrong.append(f"{name}: frame {number}: other bytes")
    assert not wrong
    assert seen > 1000


def test_the_gallery_has_all_kinds(gallery: Served) -> None:
    rows = gallery.app.store.reader().execute("SELECT DISTINCT TransferSyntaxUID FROM instances").fetchall()
    endings = {row[0].removeprefix("1.2.840.10008.1.2") for row in rows}
    assert endings >= {"", ".1", ".1.99", ".2", ".5", ".4.50", ".4.51", ".4.70", ".4.80", ".4.81", ".4.90", ".4.91"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_expb.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
        ("rtdose_expb.dcm", "rtdose.dcm"),
        ("rtdose_expb_1frame.dcm", "rtdose_1frame.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
    ],
)
def test_the_same_image_written_otherwise_gives_the_same_bytes(
    gallery: Served, pydicom_files: Path, one: str, other: str
) -> None:
    count = int(read(pydicom_files / one).get("NumberOfFrames", 1))
    for number in range(1, count + 1):
        first, second = (
            gallery.ask(f"{gallery.instance(pydicom_files / name)}/frames/{number}", ONE_PART) for name in (one, other)
        )
        assert first.one() == second.one()
        assert first.header("content-type") == second.header("content-type")


@pytest.mark.parametrize("asked", ["1,2,3", "3,1", "2,2", "15,1,8,15"])
def test_a_list_comes_in_the_order_that_was_asked_for(gallery: Served, pydicom_files: Path, asked: str) -> None:
    path = pydicom_files / "rtdose_rle.dcm"
    expected = expected_frames(path)
    assert expected is not None
    answer = gallery.ask(f"{gallery.instance(path)}/frames/{asked}", MANY_PARTS)
    assert [part.body for part in answer.parts()] == [expected[0][int(number) - 1] for number in asked.split(",")]
    assert {part.content_type for part in answer.parts()} == {
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.5"
    }


@pytest.mark.parametrize(
    ("name", "accept", "form", "media_type"),
    [
        (NATIVE, None, "many", "application/octet-stream"),
        (NATIVE, "", "many", "application/octet-stream"),
        (NATIVE, "*/*", "many", "application/octet-stream"),
        # OHIF, as it comes and as the configuration has it.
        (
            NATIVE,
            'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
            "many",
            "application/octet-stream",
        ),
        (
            NATIVE,
            "multipart/related; type=application/octet-stream; transfer-syntax=*",
            "many",
            "application/octet-stream",
        ),
        (NATIVE, "application/octet-stream; transfer-syntax=*", "one", "application/octet-stream"),
        # dicomweb-client.
        (NATIVE, 'multipart/related; type="application/octet-stream"', "many", "application/octet-stream"),
        (
            J2K,
            (
                'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50, '
                'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.91, '
                'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90'
            ),
            "many",
            "image/jp2",
        ),
        (NATIVE, f"application/octet-stream; transfer-syntax={EXPLICIT}", "one", "application/octet-stream"),
        (NATIVE, f'application/octet-stream; transfer-syntax="{EXPLICIT}"', "one", "application/octet-stream"),
        (NATIVE, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.50", "", ""),
        (JPEG, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.90, image/jpeg", "one", "image/jpeg"),
        (JPEG, "application/octet-stream; transfer-syntax=*", "one", "application/octet-stream"),
        (JPEG, "image/jpeg", "one", "image/jpeg"),
        (JPEG, "image/*", "one", "image/jpeg"),
        (JPEG, 'multipart/related; type="image/jpeg"', "many", "image/jpeg"),
        (JPEG, "multipart/related; type=image/jpeg", "many", "image/jpeg"),
        (JPEG, "image/jp2", "", ""),
        (RLE, "image/dicom-rle", "one", "image/dicom-rle"),
        (NATIVE, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", "", ""),
        (NATIVE, "image/jls", "", ""),
        (NATIVE, "text/html", "", ""),
        (NATIVE, 'multipart/related; type="application/dicom"', "", ""),
        (NATIVE, "image/webp, */*;q=0.1", "many", "application/octet-stream"),
        (NATIVE, "APPLICATION/Octet-Stream", "one", "application/octet-stream"),
        (NATIVE, "application/*", "one", "application/octet-stream"),
        (NATIVE, "multipart/related", "many", "application/octet-stream"),
        (NATIVE, "application/octet-stream;q=0.5, multipart/related;q=0.9", "many", "application/octet-stream"),
        (NATIVE, "application/octet-stream;q=0.9, multipart/related;q=0.5", "one", "application/octet-stream"),
        (NATIVE, "application/octet-stream;q=0, multipart/related", "many", "application/octet-stream"),
        (NATIVE, "application/octet-stream;q=0", "", ""),
        (NATIVE, "multipart/related; type=", "many", "application/octet-stream"),
        (NATIVE, 'multipart/related; type="application/octet-stream', "many", "application/octet-stream"),
        (NATIVE, "application/octet-stream;q=much", "one", "application/octet-stream"),
        (NATIVE, ";;;,,,;q", "", ""),
    ],
)
def test_the_form_is_what_the_client_accepts(
    gallery: Served, pydicom_files: Path, name: str, accept: str | None, form: str, media_type: str
) -> None:
    path = pydicom_files / name
    answer = gallery.ask(f"{gallery.instance(path)}/frames/1", accept)
    if not form:
        answer.sentence(406)
        return
    expected = expected_frames(path)
    assert expected is not None
    (frame,), syntax = expected
    assert answer.one() == frame
    content_type = answer.parts()[0].content_type if form == "many" else answer.header("content-type")
    assert content_type == f"{media_type}; transfer-syntax={syntax}"


@pytest.mark.parametrize(
    ("accept", "stored", "count", "form"),
    [
        ("", JPEG_BASELINE, 1, FrameForm(OCTETS, JPEG_BASELINE, in_parts=True)),
        ("*/*", EXPLICIT, 2, FrameForm(OCTETS, EXPLICIT, in_parts=True)),
        ("multipart/related", JPEG_BASELINE, 2, FrameForm(OCTETS, JPEG_BASELINE, in_parts=True)),
        (OCTETS, EXPLICIT, 1, FrameForm(OCTETS, EXPLICIT, in_parts=False, or_stored=False)),
        (OCTETS, JPEG_BASELINE, 1, FrameForm(OCTETS, EXPLICIT, in_parts=False, or_stored=True)),
        (f"{OCTETS}; transfer-syntax=*", JPEG_BASELINE, 1, FrameForm(OCTETS, JPEG_BASELINE, in_parts=False)),
        (f"{OCTETS}; transfer-syntax={EXPLICIT}", JPEG_BASELINE, 1, FrameForm(OCTETS, EXPLICIT, in_parts=False)),
        (f"{OCTETS}; transfer-syntax={IMPLICIT}", EXPLICIT, 1, FrameForm(OCTETS, IMPLICIT, in_parts=False)),
        (f"{OCTETS}; transfer-syntax={JPEG_BASELINE}", EXPLICIT, 1, None),
        (OCTETS, EXPLICIT, 2, None),
        ("image/jpeg", JPEG_BASELINE, 1, FrameForm("image/jpeg", JPEG_BASELINE, in_parts=False)),
        ("image/jpeg", EXPLICIT, 1, FrameForm("image/jpeg", "", in_parts=False)),
        (f"image/jpeg; transfer-syntax={JPEG_BASELINE}", EXPLICIT, 1, None),
        ("image/png", JPEG_BASELINE, 1, FrameForm("image/png", "", in_parts=False)),
        ("image/gif; transfer-syntax=*", EXPLICIT, 1, FrameForm("image/gif", "", in_parts=False)),
        ("image/*", EXPLICIT, 1, FrameForm("image/jpeg", "", in_parts=False)),
        ("image/*", RLE_LOSSLESS, 1, FrameForm("image/dicom-rle", RLE_LOSSLESS, in_parts=False)),
        ('multipart/related; type="image/png"', EXPLICIT, 3, FrameForm("image/png", "", in_parts=True)),
        ('multipart/related; type="application/dicom"', EXPLICIT, 1, None),
    ],
)
def test_forms(accept: str, stored: str, count: int, form: FrameForm | None) -> None:
    chosen = choose_frame_form(read_accept(accept), stored, count)
    if form is not None and chosen is not None and stored == EXPLICIT:
        chosen = replace(chosen, or_stored=False)
    assert chosen == form


@pytest.mark.parametrize("name", DECODED)
def test_compressed_frames_come_decoded_with_their_exact_values(
    gallery: Served, pydicom_files: Path, name: str
) -> None:
    path = pydicom_files / name
    ds = read(path)
    accept = f"{OCTETS}; transfer-syntax={EXPLICIT}"
    array = ds.pixel_array
    frames = array if number_of_frames(ds) > 1 else array[None]
    for number in {1, len(frames)}:
        answer = gallery.ask(f"{gallery.instance(path)}/frames/{number}", accept)
        assert answer.header("content-type") == accept
        assert answer.one() == np.ascontiguousarray(frames[number - 1]).tobytes()


def test_frames_come_as_pictures(gallery: Served, pydicom_files: Path) -> None:
    for name in (NATIVE, RLE):
        address = gallery.instance(pydicom_files / name)
        for kind, start in (("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("gif", b"GIF8")):
            answer = gallery.ask(f"{address}/frames/1", f"image/{kind}")
            assert answer.header("content-type") == f"image/{kind}"
            assert answer.body.startswith(start)
            if kind != "jpeg":
                assert answer.body == gallery.ask(f"{address}/rendered", f"image/{kind}").body


def test_long_lists_of_frames_come_one_by_one(shelf: Served, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 4096, (12, 1024, 512), np.uint16)
    path = save(make_image(Rows=1024, Columns=512, NumberOfFrames=12, PixelData=pixels.tobytes()), tmp_path / "image")
    shelf.add(path)
    numbers = [12, 1, *range(2, 11)]
    address = f"{shelf.instance(path)}/frames/{','.join(map(str, numbers))}"
    parts = shelf.ask(address).parts()
    assert [part.body for part in parts] == [pixels[number - 1].tobytes() for number in numbers]
    assert "no frame 13" in shelf.ask(f"{address},13").sentence(404)
    head = shelf.ask(address, method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_accept_may_stand_in_several_lines(gallery: Served, pydicom_files: Path) -> None:
    address = gallery.instance(pydicom_files / NATIVE)
    lines = [("Accept", "image/jls"), ("Accept", "application/octet-stream")]
    assert gallery.ask(f"{address}/frames/1", headers=lines).header(
        "content-type",
    ) == (f"application/octet-stream; transfer-syntax={EXPLICIT}")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/octet-stream", 406),
        ("image/jpeg", 406),
        ("application/octet-stream, multipart/related", 200),
        ("application/octet-stream, */*;q=0.1", 200),
        ('application/octet-stream, multipart/related; type="application/octet-stream";q=0.2', 200),
    ],
)
def test_several_frames_come_in_multipart_or_not_at_all(
    gallery: Served, pydicom_files: Path, accept: str, status: int
) -> None:
    answer = gallery.ask(f"{gallery.instance(pydicom_files / 'rtdose.dcm')}/frames/1,2", accept)
    if status == 200:
        assert len(answer.parts()) == 2
    else:
        answer.sentence(status)


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ("0", 404),
        ("16", 404),
        ("999999999", 404),
        ("1,16", 404),
        ("16,1", 404),
        ("", 404),
        ("1/2", 404),
        ("1,", 400),
        (",1", 400),
        ("-1", 400),
        ("+1", 400),
        ("1.0", 400),
        ("1e0", 400),
        ("all", 400),
        ("1;2", 400),
        ("1%20", 400),
        ("%EF%BC%91", 400),  # a digit, but not one of ASCII
        ("%D9%A1", 400),
        ("1" * 300, 400),
        ("1%00", 400),
        ("1'--", 400),
    ],
)
def test_other_numbers_give_no_bytes(gallery: Served, pydicom_files: Path, numbers: str, status: int) -> None:
    address = gallery.instance(pydicom_files / "rtdose.dcm")
    gallery.ask(f"{address}/frames/{numbers}", MANY_PARTS).sentence(status)


def test_an_instance_is_found_only_in_its_own_series_and_study(gallery: Served, pydicom_files: Path) -> None:
    one, other = gallery.place(pydicom_files / NATIVE), gallery.place(pydicom_files / "rtdose.dcm")
    assert gallery.ask(f"{instance_path(one)}/frames/1", ONE_PART).status == 200
    for uids in [(other[0], *one[1:]), (one[0], other[1], one[2]), (*one[:2], other[2]), (*other[:2], one[2])]:
        for tail in ("/frames/1", "", "/metadata", "/bulkdata/00104000"):
            gallery.ask(instance_path(uids) + tail).sentence(404)


def replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


def write_other_pixels(path: Path) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def cut_short(path: Path) -> None:
    before = path.stat()
    os.truncate(path, before.st_size - 1)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "deleted": Path.unlink,
    "other pixels": write_other_pixels,
    "shorter, with the old date": cut_short,
    "a folder now": replace_by(Path.mkdir),
    "a link to nowhere": replace_by(lambda path: path.symlink_to("nowhere")),
    "a link to another patient's file": replace_by(lambda path: path.symlink_to(path.parent / "other")),
    "a pipe": replace_by(os.mkfifo),
    "a device": replace_by(lambda path: path.symlink_to("/dev/zero")),
}


@pytest.mark.skipif(os.name == "nt", reason="pipes and links")
@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_gives_a_sentence_and_no_bytes(
    shelf: Served, tmp_path: Path, change: str, large: bool
) -> None:
    size = 2100 if large else 8
    path = save(make_image(Rows=size, Columns=size, PatientComments="c" * 2000), tmp_path / "files" / "image")
    save(make_image(PatientID="P2", StudyInstanceUID=ROOT_UID + "2"), tmp_path / "files" / "other")
    raw = b"\1" * 5000
    dataset = read(path)
    dataset.add_new(0x00091001, "OB", raw)
    save(dataset, path)
    shelf.add(path)
    address = shelf.instance(path)
    asked = [
        (f"{address}/frames/1", ONE_PART),
        (f"{address}/frames/1", MANY_PARTS),
        (address, "application/dicom"),
        (address, 'multipart/related; type="application/dicom"'),
        (f"{address}/bulkdata/00091001", "application/octet-stream"),
    ]
    for route, accept in asked:
        assert shelf.ask(route, accept).status == 200
    CHANGES[change](path)
    for route, accept in asked:
        said = shelf.ask(route, accept).sentence(404)
        assert "changed" in said or "not there" in said
        assert "image" not in said
        assert str(tmp_path) not in said


def test_a_file_on_a_failing_disk_gives_a_sentence(served: Served, tmp_path: Path) -> None:
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("there is no file here that can be opened and not read")
    path = save(make_image(), tmp_path / "image")
    served.add(path)
    address = served.instance(path)
    with memory.open("rb") as held:
        status = os.fstat(held.fileno())
        served.change(
            "UPDATE files SET path = ?, size = ?, mtime_ns = ?", os.fsencode(memory), status.st_size, status.st_mtime_ns
        )
        served.change('UPDATE instances SET "offset" = 0')
        for route in (f"{address}/frames/1", address, f"{address}/bulkdata/00091001"):
            assert "cannot be read" in served.ask(route).sentence(404)


def test_a_disk_that_gives_less_than_was_asked_for_is_asked_again(served: Served, tmp_path: Path) -> None:
    # As networks do at times; here a file of the system's own always does.
    slow = Path("/proc/crypto")
    if not slow.exists():
        pytest.skip("there is no file here that is given piece by piece")
    path = save(make_image(), tmp_path / "image")
    served.add(path)
    address = served.instance(path)
    with slow.open("rb") as held, slow.open("rb", buffering=0) as raw:
        size = len(held.read()) // 2 * 2
        if len(raw.read(size)) == size:
            pytest.skip("it comes in one piece")
        status = os.fstat(held.fileno())
        served.change(
            "UPDATE files SET path = ?, size = ?, mtime_ns = ?", os.fsencode(slow), status.st_size, status.st_mtime_ns
        )
        served.change('UPDATE instances SET "offset" = 0, length = ?, frame_bits = ?', size, size * 8)
        assert served.ask(f"{address}/frames/1", ONE_PART).one() == slow.read_bytes()[:size]


def test_after_another_import_the_new_bytes_come_and_not_a_mixture(shelf: Served, tmp_path: Path) -> None:
    path = tmp_path / "image"

    def write(lengths: list[int], letter: bytes) -> list[bytes]:
        frames = [b"\xff\xd8\xff\xe0" + letter * (length - 4) for length in lengths]
        dataset = make_image(NumberOfFrames=len(frames), SOPInstanceUID=ROOT_UID + "9", BitsAllocated=8, PixelData=b"")
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].VR = "OB"
        save(dataset, path)
        shelf.add(path)
        return frames

    # The frames lie elsewhere each time; where they lay is remembered.
    for lengths, letter in (([100, 20, 60], b"a"), ([20, 100, 60], b"b"), ([60, 60, 60], b"c")):
        frames = write(lengths, letter)
        address = shelf.instance(path)
        for number, frame in enumerate(frames, start=1):
            for _ in range(2):
                assert shelf.ask(f"{address}/frames/{number}", ONE_PART).one() == frame


@pytest.mark.parametrize(
    ("table", "fragments"),
    [("extended", 1), *((table, fragments) for table in ("basic", "none") for fragments in (1, 2, 5))],
)
def test_fragments_are_joined_to_the_frames_that_they_belong_to(
    shelf: Served, tmp_path: Path, table: str, fragments: int
) -> None:
    frames = [b"\xff\xd8\xff\xe0" + bytes([number]) * (90 + 10 * number) for number in range(1, 6)]
    dataset = make_image(NumberOfFrames=5, BitsAllocated=8, PixelData=b"")
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    if table == "extended":
        dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(
            frames
        )
    else:
        dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments, has_bot=table == "basic")
    dataset["PixelData"].VR = "OB"
    shelf.add(save(dataset, tmp_path / "image"))
    address = shelf.instance(tmp_path / "image")
    answer = shelf.ask(f"{address}/frames/1,2,3,4,5", MANY_PARTS)
    assert [part.body for part in answer.parts()] == frames


def test_frames_that_nothing_tells_apart_are_not_guessed(shelf: Served, tmp_path: Path) -> None:
    dataset = make_image(NumberOfFrames=3, BitsAllocated=8, PixelData=b"")
    dataset.file_meta.TransferSyntaxUID = RLELossless
    # Five fragments without a table, and nothing in RLE says where an image begins.
    dataset.PixelData = encapsulate([bytes([number]) * 80 for number in range(5)], has_bot=False)
    dataset["PixelData"].VR = "OB"
    shelf.add(save(dataset, tmp_path / "image"))
    for number in (1, 2, 3):
        shelf.ask(f"{shelf.instance(tmp_path / 'image')}/frames/{number}", ONE_PART).sentence(404)


def test_the_end_of_a_truncated_file_is_zero_and_what_lies_behind_is_not_there(shelf: Served, tmp_path: Path) -> None:
    path = save(make_image(NumberOfFrames=4), tmp_path / "image")
    whole = path.read_bytes()
    size = 8 * 8 * 2
    path.write_bytes(whole[: -size - size // 2 - 1])
    shelf.add(path)
    address = shelf.instance(path)
    pixels = whole[-4 * size :]
    for number in (1, 2):
        start = (number - 1) * size
        assert shelf.ask(f"{address}/frames/{number}", ONE_PART).one() == pixels[start : start + size]
    left = pixels[2 * size : 3 * size - size // 2 - 1]
    assert shelf.ask(f"{address}/frames/3", ONE_PART).one() == left.ljust(size, b"\0")
    shelf.ask(f"{address}/frames/4", ONE_PART).sentence(404)
    shelf.ask(f"{address}/frames/3,4", MANY_PARTS).sentence(404)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(("rows", "columns", "bits"), [(3, 5, 1), (7, 7, 1), (3, 3, 8), (5, 7, 16), (3, 5, 32)])
def test_frames_of_odd_size(
    shelf: Served, tmp_path: Path, rows: int, columns: int, bits: int, big_endian: bool
) -> None:
    count = 5
    values = np.random.default_rng(rows * bits).integers(0, 2 ** min(bits, 31), (count, rows, columns))
    if bits == 1:
        data = np.packbits(values.astype(np.uint8).ravel(), bitorder="little").tobytes()
        frames = [np.packbits(frame.astype(np.uint8).ravel(), bitorder="little").tobytes() for frame in values]
    else:
        data = values.astype(f"{'>' if big_endian else '<'}u{bits // 8}").tobytes()
        frames = [frame.astype(f"<u{bits // 8}").tobytes() for frame in values]
    data += b"\0" * (len(data) % 2)
    dataset = make_image(Rows=rows, Columns=columns, BitsAllocated=bits, NumberOfFrames=count, PixelData=data)
    dataset["PixelData"].VR = "OB" if bits <= 8 else "OW"
    if big_endian:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    shelf.add(save(dataset, tmp_path / "image"))
    for number, frame in enumerate(frames, start=1):
        sent = shelf.ask(f"{shelf.instance(tmp_path / 'image')}/frames/{number}", ONE_PART).one()
        assert same_frame(sent, frame, rows * columns if bits == 1 else 0)


def test_frames_of_deflated_files_are_inflated(shelf: Served, tmp_path: Path) -> None:
    paths = []
    for number in range(4):  # more than are remembered
        pixels = np.full((3, 8, 8), number, "<u2")
        pixels[:, 0, 0] = 1, 2, 3
        dataset = make_image(SOPInstanceUID=f"{ROOT_UID}7.{number}", NumberOfFrames=3, PixelData=pixels.tobytes())
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        paths.append((save(dataset, tmp_path / f"image{number}"), pixels))
    shelf.add(*(path for path, _ in paths))
    for _ in range(2):
        for path, pixels in paths:
            answer = shelf.ask(f"{shelf.instance(path)}/frames/3,1", MANY_PARTS)
            assert [part.body for part in answer.parts()] == [pixels[2].tobytes(), pixels[0].tobytes()]


def test_many_at_once_get_their_own(shelf: Served, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "stack", 20)
    for number, path in enumerate(paths):
        dataset = read(path)
        dataset.PixelData = bytes([number]) * 128
        save(dataset, path)
    shelf.add(tmp_path / "stack")
    addresses = {number: f"{shelf.instance(path)}/frames/1" for number, path in enumerate(paths)}
    order = [number for _ in range(5) for number in addresses]
    with ThreadPoolExecutor(6, thread_name_prefix="asking") as threads:
        bodies = threads.map(lambda number: shelf.ask(addresses[number], ONE_PART).one(), order)
        assert [set(body) for body in bodies] == [{number} for number in order]


def viewer_accept() -> str:
    """Return what OHIF sends as it is configured."""
    (header,) = make_config("1")["dataSources"][0]["configuration"]["acceptHeader"]
    assert isinstance(header, str)
    return header


def test_both_sources_of_the_viewer_accept_the_same() -> None:
    headers = [source["configuration"]["acceptHeader"] for source in make_config("1")["dataSources"]]
    assert headers == [[viewer_accept()]] * 2
    assert "multipart" not in viewer_accept()


def test_the_viewer_gets_the_same_frames_or_decoded_ones(gallery: Served) -> None:
    shown = decoded = 0
    for name, uids in gallery.places().items():
        path, expected = Path(name), expected_frames(Path(name))
        answer = gallery.ask(f"{instance_path(uids)}/frames/1", viewer_accept())
        if answer.status == 404:
            answer.sentence(404)
            assert expected is None or not is_decodable(path)
            continue
        assert expected is not None
        frame, syntax = expected[0][0], expected[1]
        bits = bits_of_frame(path)
        if bits and read(path).SOPClassUID != SegmentationStorage:
            # OHIF wants a byte for each pixel of one bit, and unpacks only segmentations itself.
            frame = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[:bits].tobytes()
        if answer.one() == frame:
            shown += 1
            assert answer.header("content-type") == f"application/octet-stream; transfer-syntax={syntax}"
        else:
            decoded += 1
            assert answer.header("content-type") == f"application/octet-stream; transfer-syntax={EXPLICIT}"
            should = shown_to_the_viewer(path, 1)
            got = np.frombuffer(answer.one(), should.dtype).reshape(should.shape)
            # Decoders of YBR round otherwise.
            assert np.abs(got.astype(float) - should.astype(float)).max() <= (2 if should.ndim == 3 else 0), name
    assert shown > 60
    assert decoded > 12


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (3, 5), (7, 9)])
def test_pixels_of_one_bit_come_to_the_viewer_as_bytes(shelf: Served, tmp_path: Path, rows: int, columns: int) -> None:
    values = np.random.default_rng(rows).integers(0, 2, (4, rows, columns), np.uint8)
    data = np.packbits(values.ravel(), bitorder="little").tobytes()
    dataset = make_image(
        Rows=rows,
        Columns=columns,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        NumberOfFrames=4,
        PixelData=data + b"\0" * (len(data) % 2),
    )
    dataset["PixelData"].VR = "OB"
    shelf.add(save(dataset, tmp_path / "image"))
    address = shelf.instance(tmp_path / "image")
    for number, frame in enumerate(values, start=1):
        assert shelf.ask(f"{address}/frames/{number}", viewer_accept()).one() == frame.tobytes()
        packed = shelf.ask(f"{address}/frames/{number}", ONE_PART).one()
        assert same_frame(packed, np.packbits(frame.ravel(), bitorder="little").tobytes(), rows * columns)
