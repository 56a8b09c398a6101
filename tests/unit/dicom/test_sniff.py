"""What a file is, by its first bytes."""

import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from unit.helpers import UNDEFINED, element, files_below, implicit_element, item, part10

from desktop.dicom.sniff import HEAD_LENGTH, Encoding, Kind, guess_encoding, sniff

CHARSET = element(0x00080005, "CS", b"ISO_IR 100")
DATE = element(0x00080020, "DA", b"20260102")
BIG = element(0x00080005, "CS", b"ISO_IR 100", order=">") + element(0x00080020, "DA", b"20260102", order=">")
IMPLICIT = implicit_element(0x00080005, b"ISO_IR 100") + implicit_element(0x00080020, b"20260102")
META = element(0x00020000, "UL", b"\x04\0\0\0") + element(0x00020001, "OB", b"\0\1")
FILLING = bytes(random.Random(7).randbytes(400))
"""Stands for what follows in a real file."""

EXPLICIT_LE, IMPLICIT_LE = Encoding(implicit_vr=False, little_endian=True), Encoding(True, True)
EXPLICIT_BE = Encoding(implicit_vr=False, little_endian=False)


@pytest.mark.parametrize(
    ("head", "kind", "start"),
    [
        pytest.param(part10(CHARSET + DATE), Kind.PART10, 132, id="part 10"),
        pytest.param(part10(b""), Kind.PART10, 132, id="part 10 without data set"),
        pytest.param(b"\0" * 128 + b"DICM", Kind.PART10, 132, id="preamble and prefix alone"),
        pytest.param(b"II*\0".ljust(128, b"\7") + b"DICM" + META, Kind.PART10, 132, id="preamble of a TIFF"),
        pytest.param(b"\0" * 128 + b"DICM" + IMPLICIT, Kind.PART10, 132, id="prefix, then implicit VR, no meta"),
        pytest.param(b"\0" * 128 + b"DICM" + BIG, Kind.PART10, 132, id="prefix, then big endian, no meta"),
        pytest.param(CHARSET + DATE + FILLING, Kind.BARE, 0, id="bare explicit"),
        pytest.param(IMPLICIT + FILLING, Kind.BARE, 0, id="bare implicit"),
        pytest.param(BIG + FILLING, Kind.BARE, 0, id="bare big endian"),
        pytest.param(META + FILLING, Kind.BARE, 0, id="file meta without preamble"),
        pytest.param(
            implicit_element(0x00080000, b"\x10\0\0\0") + IMPLICIT, Kind.BARE, 0, id="bare implicit with group length"
        ),
        pytest.param(
            implicit_element(0x00080018, b"1.2.3\0") + implicit_element(0x00081140, b"", length=UNDEFINED) + item(b""),
            Kind.BARE,
            0,
            id="bare implicit, then a sequence of undefined length",
        ),
        pytest.param(
            element(0x00080018, "UI", b"1.2.3\0") + element(0x00081140, "SQ", b"", length=UNDEFINED) + item(b""),
            Kind.BARE,
            0,
            id="bare explicit, then a sequence of undefined length",
        ),
        pytest.param(
            element(0x00080000, "UL", b"\x10\0\0\0") + CHARSET + DATE,
            Kind.BARE,
            0,
            id="bare explicit with group length",
        ),
        pytest.param(
            element(0x00080005, "CS", b"ISO_IR 100") + element(0x00080008, "CS", b"A" * 600),
            Kind.BARE,
            0,
            id="long value",
        ),
    ],
)
def test_dicom_is_told(head: bytes, kind: Kind, start: int) -> None:
    finding = sniff(head[:HEAD_LENGTH])
    assert (finding.kind, finding.start) == (kind, start)


def test_prefix_by_chance_in_a_bare_data_set_is_no_prefix() -> None:
    # The value covers bytes 128 to 131 with the letters DICM.
    text = b"x" * (128 - 18 - 8) + b"DICM" + b"y" * 40
    bare = CHARSET + element(0x00080080, "LO", text) + FILLING
    assert bare[128:132] == b"DICM"
    assert sniff(bare[:HEAD_LENGTH]).kind is Kind.BARE
    assert sniff(bare[:HEAD_LENGTH]).start == 0


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "empty (0 bytes)"),
        (b"\0" * 512, "nothing but zeros"),
        (b"\0", "nothing but zeros"),
        (b"Patients and their images\r\n" * 20, "a text"),
        ("Bücher, 東京, ελληνικά\n".encode() * 20, "a text"),
        (("é" * 300).encode()[:511], "a text"),
        (b"PK\x03\x04" + FILLING, "a ZIP archive"),
        (b"PK\x05\x06" + b"\0" * 18, "a ZIP archive"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3" + FILLING, "a PDF document"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + FILLING, "a JPEG picture"),
        (b"\x89PNG\r\n\x1a\n" + FILLING, "a PNG picture"),
        (b"GIF89a" + FILLING, "a GIF picture"),
        (b"BM" + FILLING, "a BMP picture"),
        (b"II*\0" + FILLING, "a TIFF picture"),
        (b"MM\0*" + FILLING, "a TIFF picture"),
        (b"MZ\x90\0\x03" + FILLING, "a Windows program"),
        (b"\x7fELF" + FILLING, "a program"),
        (b"\x1f\x8b\x08" + FILLING, "a gzip archive"),
        (b"SQLite format 3\0" + FILLING, "a database"),
        (b"<?xml version='1.0'?><a/>", "an XML text"),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"\x01\x02\x03\xff" * 100, "something else than DICOM"),
        # One element alone, and nothing that follows it: too little to believe.
        (CHARSET[:12], "something else than DICOM"),
        # Tags that fall, which those of a data set never do.
        (DATE + CHARSET + FILLING, "something else than DICOM"),
        (implicit_element(0x00080005, b"", length=1 << 24) + FILLING, "something else than DICOM"),
    ],
)
def test_other_files_are_named(head: bytes, what: str) -> None:
    finding = sniff(head[:HEAD_LENGTH])
    assert finding.kind is (Kind.ARCHIVE if "ZIP" in what else Kind.OTHER)
    assert finding.what == what


def test_a_real_zip_is_no_dicom(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("IM1", part10(CHARSET + DATE))
    assert sniff((tmp_path / "a.zip").read_bytes()[:HEAD_LENGTH]).what == "a ZIP archive"


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (CHARSET + DATE, EXPLICIT_LE),
        (IMPLICIT, IMPLICIT_LE),
        (BIG, EXPLICIT_BE),
        (b"", None),
        (b"\x08\0", None),
        (b"plain text, and more of it, so that it is long enough", None),
        # Where a VR stands, it decides, even if its bytes could be a length.
        (element(0x00080005, "CS", b"ISO_IR 100") + FILLING[:4], None),
    ],
)
def test_encoding_is_guessed(head: bytes, encoding: Encoding | None) -> None:
    assert guess_encoding(head) == encoding


@given(st.binary(max_size=HEAD_LENGTH))
@example(b"\x02\0\0\0UL\4\0")
@example(b"\x08\0")
@example(b"\0" * 131)
def test_any_bytes_give_a_finding(head: bytes) -> None:
    finding = sniff(head)
    assert finding.kind is not Kind.OTHER or finding.what
    assert finding.start in (0, 132)


def test_noise_is_hardly_ever_taken_for_dicom() -> None:
    noise = random.Random(1)
    taken = sum(sniff(noise.randbytes(HEAD_LENGTH)).kind is not Kind.OTHER for _ in range(20_000))
    assert taken == 0


def test_noise_behind_a_group_number_is_seldom_taken_for_dicom() -> None:
    noise = random.Random(2)
    heads = [
        group + noise.randbytes(HEAD_LENGTH - 2) for group in (b"\x02\0", b"\x04\0", b"\x08\0") for _ in range(5000)
    ]
    assert sum(sniff(head).kind is not Kind.OTHER for head in heads) < 5


def test_files_of_pydicom_are_told_from_others(pydicom_files: Path) -> None:
    for path in files_below(pydicom_files):
        head = path.read_bytes()[:HEAD_LENGTH]
        other = path.suffix in (".txt", ".dump", ".json", ".gz", ".icc") or path.name == "README"
        # Its first byte is a stray one.
        other = other or path.name == "no_meta.dcm"
        assert (sniff(head).kind is Kind.OTHER) == other, path.name


def test_programs_are_no_dicom() -> None:
    folder = Path(pytest.__file__).parent.parent
    libraries = [*folder.rglob("*.so"), *folder.rglob("*.pyc")][:2000]
    assert len(libraries) > 100
    for path in libraries:
        with path.open("rb") as file:
            assert sniff(file.read(HEAD_LENGTH)).kind is Kind.OTHER, path.name
