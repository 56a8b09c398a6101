"""Frames decoded, pixel for pixel what pydicom makes of them; and what it cannot decode, or decodes wrongly."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.dicom.pixels.codestreams import COLUMNS, ROWS, SAMPLES, Sample, picture, ramp
from unit.dicom.pixels.samples import decoded_frames, frames_of, judged_frames, make_pixel_format, opened
from unit.helpers import files_below

from desktop.dicom.frames import NoFrame
from desktop.dicom.pixels.codestream import Kind, read_codestream
from desktop.dicom.pixels.decoding import decode_frame
from desktop.dicom.pixels.format import NoPixels, PixelFormat, make_format
from desktop.dicom.pixels.plugins import decode_by_pillow, with_thresholds, without_remarks
from desktop.errors import InputError

JPEG_BASELINE, JPEG_EXTENDED, JPEG_LOSSLESS = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.70",
)
JPEG_LS, JPEG_2000, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"

PYDICOM_CANNOT = {
    # It calls no decoder of JPEG with 12 bits but a plugin under the GPL: see test_jpeg_of_12_bits.
    "JPEG-lossy.dcm": "12 bits",
    "JPGExtended.dcm": "12 bits",
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm": "12 bits",
    "000000.dcm": "12 bits",
    # It does not know these compressions of one bit: see test_one_bit_however_it_is_compressed.
    "liver_deflate.dcm": "one bit",
    "liver_nonbyte_aligned_deflate.dcm": "one bit",
    "liver_rle.dcm": "one bit",
    "liver_nonbyte_aligned_rle.dcm": "one bit",
    # It refuses what is cut short; here that is filled with zeros, and the file has a note.
    "MR_truncated.dcm": "cut short",
    "صورة.dcm": "cut short",
    # It refuses the value 1A of an element that has nothing to do with pixels.
    "badVR.dcm": "another element",
}
"""Files that only this program decodes, and why."""

NOBODY_CAN = {
    "video-h264-mpeg4.dcm": "a video",
    "JPEG2000-embedded-sequence-delimiter.dcm": "its header is damaged",
    "meta_missing_tsyntax.dcm": "no Bits Allocated",
    "nested_priv_SQ.dcm": "no Bits Allocated",
    **dict.fromkeys(
        [
            "generated_encapsulated_defined_bot_1_to_1.dcm",
            "generated_encapsulated_defined_bot_2_to_1.dcm",
            "generated_encapsulated_defined_bot_2_to_2.dcm",
            "generated_encapsulated_empty_bot_1_to_1.dcm",
            "generated_encapsulated_empty_bot_2_to_1.dcm",
        ],
        "its frames are no images",
    ),
}


def check(folder: Path) -> int:
    """Compare all frames below a folder with pydicom's; return the number of those that are equal."""
    equal = 0
    for path in images(folder):
        try:
            found = list(decoded_frames(path))
        except (NoPixels, NoFrame):
            assert path.name in NOBODY_CAN, path
            with pytest.raises((RuntimeError, NotImplementedError, AttributeError)):
                judged_frames(path)
            continue
        try:
            expected = judged_frames(path)
        except (RuntimeError, NotImplementedError, ValueError):
            assert path.name in PYDICOM_CANNOT, path
            continue
        assert len(found) == len(expected), path
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == theirs.dtype.newbyteorder("="), path
            # Lossy ones too: the decoders are the same.
            assert np.array_equal(ours, theirs), path
            equal += 1
    return equal


def images(folder: Path) -> Iterator[Path]:
    for path in files_below(folder):
        try:
            if opened(path)[1].offset >= 0:
                yield path
        except InputError:
            continue


def test_frames_of_pydicom(pydicom_files: Path) -> None:
    assert check(pydicom_files) > 90


def test_frames_of_the_corpus(corpus: Path) -> None:
    assert check(corpus) > 600


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("JPEG-lossy.dcm", "d3024277"),
        ("JPGExtended.dcm", "d3024277"),
    ],
)
def test_jpeg_of_12_bits(pydicom_files: Path, name: str, digest: str) -> None:
    """libjpeg-turbo 3 makes the same values of these files."""
    (array,) = decoded_frames(pydicom_files / name)
    assert (array.shape, array.dtype, array.max()) == ((1024, 256), np.uint16, 264)
    assert hashlib.sha256(array.tobytes()).hexdigest()[:8] == digest


def test_jpeg_of_12_bits_in_the_corpus(corpus: Path) -> None:
    """Likewise."""
    digests = [
        hashlib.sha256(array.tobytes()).hexdigest()[:8]
        for name in ("CT0012.fragmented_no_bot_jpeg_baseline.51.dcm", "000000.dcm")
        for path in sorted(corpus.rglob(name))
        if opened(path)[1].TransferSyntaxUID == JPEG_EXTENDED
        for array in decoded_frames(path)
    ]
    assert digests == ["ca02438f", "d6787e03", "4454a6f4"]


@pytest.mark.parametrize("how", ["deflate", "rle", "j2k"])
@pytest.mark.parametrize("name", ["liver", "liver_nonbyte_aligned"])
def test_one_bit_however_it_is_compressed(corpus: Path, name: str, how: str) -> None:
    folder = corpus / "pydicom-data" / "data_store" / "data"
    plain, compressed = (list(decoded_frames(folder / f"{name}{end}.dcm")) for end in ("", f"_{how}"))
    assert len(plain) == len(compressed) == 3
    assert all(np.array_equal(one, other) for one, other in zip(plain, compressed, strict=True))
    assert plain[0].sum() == 36233


def sample_format(sample: Sample, **more: object) -> PixelFormat:
    syntax = {Kind.JPEG_LOSSLESS: JPEG_LOSSLESS, Kind.JPEG_LS: JPEG_LS, Kind.JPEG: JPEG_EXTENDED}[sample.kind]
    return make_pixel_format(
        **{
            "TransferSyntaxUID": syntax,
            "Rows": ROWS,
            "Columns": COLUMNS,
            "SamplesPerPixel": sample.samples,
            "PhotometricInterpretation": "MONOCHROME2" if sample.samples == 1 else "RGB",
            "BitsAllocated": 8 if sample.bits <= 8 else 16,
            "BitsStored": sample.bits,
            **more,
        }
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=repr)
def test_all_depths(sample: Sample) -> None:
    array = decode_frame(sample.data, sample_format(sample))
    expected = ramp(sample.bits) if sample.kind is Kind.JPEG else picture(sample.bits, sample.samples)
    error = (1 << sample.bits) // 100 if sample.kind is Kind.JPEG else sample.error
    assert np.abs(array.astype(int) - expected).max() <= error


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.samples == 1], ids=repr)
def test_a_frame_that_is_shallower_than_the_data_set_says(sample: Sample) -> None:
    """The values are those of the frame."""
    array = decode_frame(sample.data, sample_format(sample, BitsAllocated=16, BitsStored=16, HighBit=15))
    assert array.dtype == np.uint16
    assert np.array_equal(array, decode_frame(sample.data, sample_format(sample)))


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.samples == 1], ids=repr)
def test_negative_values(sample: Sample) -> None:
    """The uppermost bit is the sign."""
    array = decode_frame(sample.data, sample_format(sample, PixelRepresentation=1))
    unsigned = decode_frame(sample.data, sample_format(sample)).astype(int)
    assert array.dtype.kind == "i"
    assert np.array_equal(array, np.where(unsigned >= 1 << sample.bits - 1, unsigned - (1 << sample.bits), unsigned))


def test_a_frame_that_is_deeper_than_the_data_set_says() -> None:
    """Lossless JPEG keeps what stands above the stored bits, an overlay perhaps, so that is cut off."""
    sample = next(sample for sample in SAMPLES if sample.kind is Kind.JPEG_LOSSLESS and sample.bits == 16)
    array = decode_frame(sample.data, sample_format(sample, BitsStored=12, HighBit=11))
    assert np.array_equal(array, picture(16) & 0xFFF)
    shifted = decode_frame(sample.data, sample_format(sample, BitsStored=12, HighBit=15))
    assert np.array_equal(shifted, picture(16) >> 4)


def j2k(array: np.ndarray, bits: int) -> bytes:
    from openjpeg.utils import encode_array

    return bytes(encode_array(array, bits_stored=bits))


X = np.tile(np.arange(16), (48, 3))


@pytest.mark.parametrize(
    ("encoded", "precision", "stored", "signed", "expected"),
    [
        # Codestream without a sign, data set with one: the sign is in the uppermost bit of the codestream …
        ((X * 500).astype(np.uint16), 13, 13, 1, np.where(X * 500 >= 4096, X * 500 - 8192, X * 500)),
        # … or of the stored ones, where those above are not used …
        ((X * 250).astype(np.uint16), 16, 12, 1, np.where(X * 250 >= 2048, X * 250 - 4096, X * 250)),
        # … but not where they are.
        ((X * 4000).astype(np.uint16), 16, 12, 1, np.where(X * 4000 >= 32768, X * 4000 - 65536, X * 4000)),
        # Codestream with a sign, data set without.
        ((X * 100 - 700).astype(np.int16), 13, 13, 0, (X * 100 - 700) % 8192),
        # Both with a sign, of which the data set says too little or too much.
        ((X * 1000 - 7000).astype(np.int16), 16, 12, 1, X * 1000 - 7000),
        ((X * 100 - 700).astype(np.int16), 12, 16, 1, X * 100 - 700),
        # Deeper than the data set says, without signs.
        ((X * 4000).astype(np.uint16), 16, 12, 0, X * 4000),
    ],
)
def test_jpeg_2000_that_disagrees_with_the_data_set(
    encoded: np.ndarray, precision: int, stored: int, signed: int, expected: np.ndarray
) -> None:
    pixel_format = make_pixel_format(
        TransferSyntaxUID=JPEG_2000,
        Rows=48,
        Columns=48,
        BitsStored=stored,
        PixelRepresentation=signed,
    )
    array = decode_frame(j2k(encoded, precision), pixel_format)
    assert np.array_equal(array, expected)
    assert array.dtype == (np.int16 if signed else np.uint16)


def test_a_frame_that_names_another_compression() -> None:
    """It is decoded by what it is."""
    sample = next(sample for sample in SAMPLES if sample.kind is Kind.JPEG_LS and sample.bits == 12)
    array = decode_frame(sample.data, sample_format(sample, TransferSyntaxUID=JPEG_LOSSLESS))
    assert np.array_equal(array, picture(12))


LOSSLESS = next(sample for sample in SAMPLES if sample.kind is Kind.JPEG_LOSSLESS and sample.bits == 12)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Rows": 13}, "said to have 13 rows of 16 pixels, but the frame has 12 of 16"),
        ({"Columns": 8}, "rows of 8 pixels"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "3 samples, but the frame's have 1"),
        ({"Rows": 60_000, "Columns": 60_000}, "too large"),
        ({"pixel_keyword": "FloatPixelData", "BitsAllocated": 32, "BitsStored": 32}, "never compressed"),
        ({"BitsAllocated": 12, "BitsStored": 12}, "never compressed"),
        ({"TransferSyntaxUID": "1.2.840.10008.1.2.4.102"}, "one video"),
        ({"TransferSyntaxUID": RLE}, "parts, where 2 are due"),
    ],
)
def test_what_contradicts_the_data_set_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(NoPixels, match=sentence):
        decode_frame(LOSSLESS.data, sample_format(LOSSLESS, **changes))


@pytest.mark.parametrize(
    ("syntax", "sentence"),
    [(JPEG_2000, "do not begin as they must"), ("1.2.3.4", "cannot be read"), ("nonsense", "unknown")],
)
def test_unknown_compressions_are_refused(syntax: str, sentence: str) -> None:
    with pytest.raises(NoPixels, match=sentence):
        decode_frame(b"no image at all", make_pixel_format(TransferSyntaxUID=syntax))


def every_compression(pydicom_files: Path) -> Iterator[tuple[bytes, PixelFormat]]:
    for name in ("SC_rgb_jpeg_dcmtk", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_RLE"):
        path = pydicom_files / f"{name}.dcm"
        (frame,) = frames_of(path)
        yield frame.data, make_format(opened(path)[0], frame.TransferSyntaxUID)
    for sample in SAMPLES:
        yield sample.data, sample_format(sample)


def test_frames_that_are_cut_short_are_refused(pydicom_files: Path) -> None:
    for data, pixel_format in every_compression(pydicom_files):
        whole = data[: data.rfind(b"\xff\xd9")] if pixel_format.TransferSyntaxUID != RLE else data
        for part in (0.1, 0.5, 0.9):
            with pytest.raises(NoPixels):
                decode_frame(whole[: int(len(whole) * part)], pixel_format)


@pytest.mark.parametrize("depth", [1, 17, 24, 255])
@pytest.mark.parametrize("kind", [Kind.JPEG, Kind.JPEG_LOSSLESS, Kind.JPEG_LS])
def test_depths_that_there_are_not(kind: Kind, depth: int) -> None:
    """At these, GDCM would end the process."""
    sample = next(sample for sample in SAMPLES if sample.kind is kind)
    data = bytearray(sample.data)
    place = next(at for at in range(len(data)) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC1, 0xC3, 0xF7))
    data[place + 4] = depth
    with pytest.raises(NoPixels, match="bits"):
        decode_frame(bytes(data), sample_format(sample))


def test_odd_remarks_in_a_jpeg_do_no_harm() -> None:
    """At an unknown version of JFIF or transformation of Adobe, GDCM would end the process."""
    jfif = b"\xff\xe0" + struct.pack(">H5sBBBHHBB", 16, b"JFIF\0", 33, 1, 0, 1, 1, 0, 0)
    adobe = b"\xff\xee" + struct.pack(">H5sHHHB", 14, b"Adobe", 100, 0, 0, 128)
    comment = b"\xff\xfe\0\x08remark"
    for sample in SAMPLES:
        if sample.kind is Kind.JPEG_LS or sample.samples == 3:
            continue
        odd = sample.data[:2] + jfif + adobe + comment + sample.data[2:]
        expected = decode_frame(sample.data, sample_format(sample))
        assert np.array_equal(decode_frame(odd, sample_format(sample)), expected)
        assert without_remarks(odd) == without_remarks(sample.data)


def test_thresholds_are_written_only_where_they_are_needed() -> None:
    for sample in SAMPLES:
        if sample.kind is not Kind.JPEG_LS:
            continue
        codestream = read_codestream(sample.data)
        assert codestream is not None
        assert codestream.lossy_error == sample.error
        changed = with_thresholds(sample.data, codestream)
        assert (changed != sample.data) == (sample.bits < 8)
        assert with_thresholds(sample.data, replace(codestream, has_presets=True)) == sample.data


def jpeg(array: np.ndarray, **options: object) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=98, **options)
    return file.getvalue()


RED = np.zeros((16, 16, 3), np.uint8) + np.array([200, 30, 60], np.uint8)


def without_markers(data: bytes, *, ids: bytes | None = None) -> bytes:
    """Take away JFIF's and Adobe's marker, and rename the components."""
    plain = without_remarks(data)
    at = plain.index(b"\xff\xc0") + 10
    scan = plain.index(b"\xff\xda") + 5
    changed = bytearray(plain)
    for number, name in enumerate(ids or b""):
        changed[at + 3 * number] = changed[scan + 2 * number] = name
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "photometric"),
    [
        # JFIF is YBR, whatever the data set says.
        (jpeg(RED), "RGB"),
        (jpeg(RED), "YBR_FULL_422"),
        (jpeg(RED, progressive=True), "YBR_FULL_422"),
        (jpeg(RED, subsampling=2), "YBR_FULL"),
        (jpeg(RED), "YBR_PARTIAL_422"),
        # Adobe's marker says RGB.
        (jpeg(RED, keep_rgb=True), "RGB"),
        (jpeg(RED, keep_rgb=True), "YBR_FULL_422"),
        # The components' names say it.
        (without_markers(jpeg(RED, keep_rgb=True), ids=b"RGB"), "YBR_FULL_422"),
        # Nothing says it but the data set.
        (without_markers(jpeg(RED, keep_rgb=True), ids=b"\0\1\2"), "RGB"),
        (without_markers(jpeg(RED)), "YBR_FULL_422"),
    ],
)
@pytest.mark.parametrize("by_pillow", [False, True])
def test_colours_of_jpeg(data: bytes, photometric: str, *, by_pillow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if by_pillow:
        monkeypatch.setitem(decode_frame.__globals__["_DECODERS"], Kind.JPEG, (decode_by_pillow,))
    pixel_format = make_pixel_format(
        TransferSyntaxUID=JPEG_BASELINE,
        Rows=16,
        Columns=16,
        SamplesPerPixel=3,
        PhotometricInterpretation=photometric,
        BitsAllocated=8,
    )
    assert np.abs(decode_frame(data, pixel_format).astype(int) - RED).max() <= 3


def test_without_gdcm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow decodes what it can; nothing else is made up."""
    monkeypatch.setitem(__import__("sys").modules, "gdcm", None)
    grey = make_pixel_format(TransferSyntaxUID=JPEG_BASELINE, Rows=16, Columns=16, BitsAllocated=8)
    assert np.abs(decode_frame(jpeg(RED[:, :, 0]), grey).astype(int) - 200).max() <= 1
    with pytest.raises(NoPixels, match="JPEG Lossless"):
        decode_frame(LOSSLESS.data, sample_format(LOSSLESS))


def test_decoders_are_loaded_when_they_are_needed() -> None:
    import subprocess
    import sys

    code = (
        "import sys, desktop.dicom.pixels.decoding, desktop.dicom.pixels.render, desktop.dicom.pixels.encode; "
        "print([name for name in ('gdcm', 'openjpeg', 'PIL', 'pydicom') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
