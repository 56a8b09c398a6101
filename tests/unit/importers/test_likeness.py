"""Files that are like one before: what is read of them is what is read of a file by itself."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from unit.helpers import file_ref, files_below, model_of

from desktop.dicom.likeness import Likenesses
from desktop.dicom.records import Header
from desktop.importers import reading
from desktop.importers.reading import Order, Reading, read

Change = Callable[[Dataset, int], None]
"""Makes an image out of the one that is the same each time, given its number."""


class Counting(Likenesses):
    hits = 0

    def read(self, *of: Any) -> Header | None:
        header = super().read(*of)
        self.hits += header is not None
        return header


@pytest.fixture
def likenesses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    """Those of this worker, which has read nothing yet."""
    counting = Counting()
    monkeypatch.setattr(reading, "_likenesses", counting)
    return counting


def read_alone(path: Path, order: Order = Order()) -> Reading:  # noqa: B008
    kept, reading._likenesses = reading._likenesses, Likenesses()
    try:
        return read(file_ref(path), order)
    finally:
        reading._likenesses = kept


def check(paths: list[Path], order: Order = Order()) -> None:  # noqa: B008
    """Compare each file with itself read alone."""
    for path in paths:
        assert read(file_ref(path), order) == read_alone(path, order), path


def make_series(folder: Path, count: int, change: Change, syntax: str | None = None) -> list[Path]:
    paths = []
    for number in range(count):
        image = make_image(
            SOPInstanceUID=f"{ROOT_UID}9.{10 ** (number % 3)}{number}",
            InstanceNumber=number,
            ImagePositionPatient=[0, 0, number / 3],
        )
        change(image, number)
        if syntax is not None:
            image.file_meta.TransferSyntaxUID = syntax
        paths.append(save(image, folder / f"IM{number:03d}"))
    return paths


def describe(**attributes: Callable[[int], Any]) -> Change:
    def change(image: Dataset, number: int) -> None:
        for keyword, value in attributes.items():
            setattr(image, keyword, value(number))

    return change


def with_private(image: Dataset, number: int) -> None:
    block = image.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x08, "CS", "IMAGE NUM 4")
    block.add_new(0x10, "OB", bytes([number % 7]) * 3000)
    block.add_new(0x18, "UN", b"%d " % number)
    other = image.private_block(0x0019, "NOBODY", create=True)
    other.add_new(0x01, "UN", b"%d " % (number // 2))


def with_same_bulk_value(image: Dataset, number: int) -> None:
    image.private_block(0x0029, "NOBODY", create=True).add_new(0x10, "OB", bytes(3000))
    item = Dataset()
    item.private_block(0x0029, "NOBODY", create=True).add_new(0x10, "OB", bytes(2000))
    image.ReferencedImageSequence = [item]


def with_sequences(image: Dataset, number: int) -> None:
    item = Dataset()
    item.ReferencedSOPInstanceUID = f"1.2.{number}"
    image.SourceImageSequence = [item] * (number % 4)
    image["SourceImageSequence"].is_undefined_length = True
    other = Dataset()
    other.ReferencedSOPInstanceUID = f"1.3.{number}"
    image.ReferencedImageSequence = [other]


def with_sign(image: Dataset, number: int) -> None:
    image.PixelRepresentation = 1
    image.SmallestImagePixelValue = -number
    image.LargestImagePixelValue = 300 + number


def with_letters(image: Dataset, number: int) -> None:
    image.SpecificCharacterSet = "ISO_IR 100"
    image.PatientName = "Ärger^Jörg"
    image.ImageComments = f"Größe {number}"


def compressed(image: Dataset, number: int) -> None:
    image.PixelData = encapsulate([b"\xff\xd8" + bytes(50 + number) + b"\xff\xd9"])
    image["PixelData"].is_undefined_length = True


CHANGES: dict[str, Change] = {
    "nothing else": describe(),
    "text": describe(ImageComments=lambda number: "A" * number, AcquisitionTime=lambda number: f"1{number % 2}0000"),
    "empty at times": describe(ImageComments=lambda number: "" if number % 3 else "A"),
    "numbers": describe(Exposure=lambda number: number // 4, KVP=lambda number: number * 1.25, Rows=lambda number: 8),
    "private elements": with_private,
    "bulk values": with_same_bulk_value,
    "sequences": with_sequences,
    "signed numbers": with_sign,
    "letters": with_letters,
    "size": describe(Columns=lambda number: 8 + number, PixelData=lambda number: bytes(128 + 16 * number)),
    "missing pixels": describe(PixelData=lambda number: bytes(128 - 2 * (number % 5))),
    "patients": describe(PatientID=lambda number: f"P{number % 3}", PatientSex=lambda number: "FMO"[number % 3]),
    "studies": describe(StudyInstanceUID=lambda number: f"1.2.{number % 2}"),
    "first element": describe(ImageType=lambda number: ["ORIGINAL", "PRIMARY"][: 1 + number % 4 // 3]),
    "character sets": describe(
        SpecificCharacterSet=lambda number: ["ISO_IR 100", "ISO_IR 192"][number % 2], ImageComments=lambda _: "Größe"
    ),
}
ALIKE = CHANGES.keys() - {"patients", "studies", "character sets", "size", "missing pixels"}


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
@pytest.mark.parametrize("name", CHANGES)
def test_a_file_of_a_series_is_read_as_it_is_alone(
    name: str, syntax: str | None, tmp_path: Path, likenesses: Counting
) -> None:
    check(make_series(tmp_path, 14, CHANGES[name], syntax))
    if name in ALIKE:
        assert likenesses.hits >= 5


def test_a_file_without_a_valid_uid_is_read_as_it_is_alone(tmp_path: Path, likenesses: Counting) -> None:
    paths = make_series(tmp_path, 8, describe())
    for path in paths[::3]:
        path.write_bytes(path.read_bytes().replace(b"1.2.826.0.1.3680043.8.498.9", b"x.2.826.0.1.3680043.8.498.9"))
    check(paths)
    assert likenesses.hits == 3


def test_a_uid_that_stands_in_file_meta_only_is_each_files_own(tmp_path: Path, likenesses: Counting) -> None:
    paths = make_series(tmp_path, 6, describe())
    for path in paths:
        image = dcmread(path)
        del image.SOPInstanceUID
        image.save_as(path, enforce_file_format=False)
    check(paths)
    assert (
        len({found.instance.SOPInstanceUID for path in paths if isinstance(found := read(file_ref(path)), Header)}) == 6
    )


def test_compressed_images_are_alike(tmp_path: Path, likenesses: Counting) -> None:
    check(make_series(tmp_path, 6, compressed, JPEGBaseline8Bit))
    assert likenesses.hits == 4


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_files_in_rare_syntaxes_are_read_one_by_one(syntax: str, tmp_path: Path, likenesses: Counting) -> None:
    check(make_series(tmp_path, 5, describe(), syntax))
    assert likenesses.hits == 0


def test_files_of_several_series_may_come_in_turn(tmp_path: Path, likenesses: Counting) -> None:
    series = [make_stack(tmp_path / f"{number}", 6, SeriesInstanceUID=f"1.2.{number}") for number in range(5)]
    check([path for paths in zip(*series, strict=True) for path in paths])
    assert likenesses.hits == 5 * 4


def test_only_so_many_series_are_remembered(tmp_path: Path, likenesses: Counting) -> None:
    check(
        [
            path
            for number in range(40)
            for path in make_stack(tmp_path / f"{number}", 3, SeriesInstanceUID=f"1.2.{number}")
        ]
    )
    assert likenesses.hits == 40
    assert len(likenesses._known) == 32


def test_another_character_set_is_for_the_studies_that_it_was_chosen_for(tmp_path: Path, likenesses: Counting) -> None:
    paths = make_series(tmp_path, 8, with_letters)
    other = Order(charsets={ROOT_UID + "1": "ISO_IR 144"})
    for order in (Order(), other, Order()):
        hits = likenesses.hits
        check(paths, order)
        assert likenesses.hits > hits
    one, another = (read(file_ref(paths[-1]), order) for order in (Order(), other))
    assert isinstance(one, Header)
    assert isinstance(another, Header)
    assert model_of(one)["00204000"]["Value"] == ["Größe 7"]
    assert model_of(another)["00204000"]["Value"] != ["Größe 7"]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """A folder, and the files of a series with all that may differ."""

    def change(image: Dataset, number: int) -> None:
        for more in (with_private, with_sequences, with_sign, with_letters):
            more(image, number)

    folder = tmp_path_factory.mktemp("damaged")
    return folder, [path.read_bytes() for path in make_series(folder, 4, change)]


@given(st.randoms(use_true_random=False), st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_a_damaged_file_is_read_as_it_is_alone(
    likenesses: Counting, damaged: tuple[Path, list[bytes]], draw: random.Random, edits: int
) -> None:
    folder, series = damaged
    for number, data in enumerate(series):
        (folder / f"{number}").write_bytes(data)
    check([folder / f"{number}" for number in range(len(series))])
    bad = bytearray(series[-1])
    for _ in range(edits):
        at = draw.randrange(len(bad) - 100)
        cut = draw.choice([0, 0, 1, 2, 8])
        bad[at : at + cut] = draw.choice(
            [b"", draw.randbytes(1), draw.randbytes(2), b"\xff" * 4, bad[at : at + 2 * cut]]
        )
    (folder / "bad").write_bytes(bad[: draw.choice([len(bad), len(bad), draw.randrange(len(bad))])])
    check([folder / "bad", folder / "0", folder / "bad"])


def test_files_of_the_corpus(corpus: Path, likenesses: Counting) -> None:
    check(files_below(corpus))
    assert likenesses.hits > 50


def test_pydicoms_files(pydicom_files: Path, likenesses: Counting) -> None:
    check(files_below(pydicom_files.parent))
