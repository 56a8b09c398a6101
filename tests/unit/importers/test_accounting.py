"""Whatever is imported, in whatever order: each file has one outcome, and each image that is anywhere is shown once."""

import io
import itertools
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from builders import ROOT_UID, find_all, make_image
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from unit.bench import Bench
from unit.dicom.test_directory import dicomdir, record
from unit.library.conftest import Library

from desktop.dicom.records import FileRef
from desktop.importers.keeping import Keep
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportReport
from desktop.library.outcomes import Outcome
from desktop.library.queries import find_instances, get_study, locate
from desktop.pictures.files import FileGone, open_file


class Content(NamedTuple):
    """What is in one file: an image like others, but not the same."""

    instance: int
    patient: str
    header: int
    pixels: int


@cache
def bytes_of(content: Content) -> bytes:
    data = bytes([content.pixels]) * 2
    made = make_image(
        SOPInstanceUID=f"{ROOT_UID}{content.instance}",
        PatientID=content.patient,
        PatientName=content.patient and f"Name^{content.patient}",
        PatientBirthDate="",
        InstanceNumber=content.header,
        Rows=1,
        Columns=1,
        PixelData=data,
    )
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()


CONTENTS = st.builds(
    Content, st.integers(1, 3), st.sampled_from(["", "P1", "P2"]), st.integers(1, 2), st.integers(1, 2)
)
NAMES = st.sampled_from([*"abc", "D/a", "D/b", "D/E/c"])
JUNK = (b"", b"a text", b"%PDF-1.4", bytes_of(Content(1, "P1", 1, 1))[:300], b"PK\3\4 no archive", bytes(600))
LISTED = st.sampled_from(["a", "b", "E/c", "NONE", "../a"])
ARCHIVED = st.lists(CONTENTS | st.sampled_from(JUNK[:2]), max_size=3)


def zip_of(held: "list[Content | bytes]") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, item in enumerate(held):
            data = item if isinstance(item, bytes) else bytes_of(item)
            archive.writestr(zipfile.ZipInfo(f"F/{number}"), data)
    return file.getvalue()


def look_into(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Return a file and, if it is an archive, all that is in it."""
    yield path, data
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from look_into(f"{path}/{name}", archive.read(name))


def below(directory: Path, name: str) -> bool:
    """Whether a DICOMDIR lists a file that is there, on its medium."""
    path = directory.parent / name
    return path.is_file() and ".." not in name and path.resolve().is_relative_to(directory.parent)


class Imports(RuleBasedStateMachine):
    """Files come, change, move and go between imports of both kinds."""

    folder: Path
    pool: ReaderPool

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(str(self.folder)) / str(next(_numbers))
        self.root = self.place / "in"
        (self.root / "D" / "E").mkdir(parents=True)
        self.bench = Bench(self.place / "base", self.pool)
        self.copied: set[bytes] = set()
        self.listed: dict[Path, list[str]] = {}

    def teardown(self) -> None:
        self.bench.close()

    def put(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        # Clocks of file systems are slow: what is written anew must be seen to be new.
        os.utime(path, ns=(1, 10**18 + next(_numbers) * 10**9))
        self.listed.pop(path, None)

    @initialize(contents=st.lists(CONTENTS, min_size=3, max_size=3))
    def begin(self, contents: list[Content]) -> None:
        for name, content in zip(("a", "b", "D/a"), contents, strict=True):
            self.put(name, bytes_of(content))

    @rule(name=NAMES, content=CONTENTS)
    def write(self, name: str, content: Content) -> None:
        self.put(name, bytes_of(content))

    @rule(name=NAMES, data=st.sampled_from(JUNK))
    def spoil(self, name: str, data: bytes) -> None:
        self.put(name, data)

    @rule(name=NAMES, held=ARCHIVED, inner=st.none() | ARCHIVED)
    def pack(self, name: str, held: "list[Content | bytes]", inner: "list[Content | bytes] | None") -> None:
        self.put(name, zip_of(held if inner is None else [*held, zip_of(inner)]))

    @rule(folder=st.sampled_from([".", "D"]), names=st.lists(LISTED, unique=True))
    def list_files(self, folder: str, names: list[str]) -> None:
        records = [record("IMAGE", name.replace("/", "\\").encode()) for name in names]
        self.put(f"{folder}/DICOMDIR", dicomdir(*records))
        self.listed[self.root / folder / "DICOMDIR"] = names

    @rule(one=NAMES, other=NAMES)
    def copy(self, one: str, other: str) -> None:
        if (self.root / one).is_file():
            self.put(other, (self.root / one).read_bytes())

    @rule(one=NAMES, other=NAMES)
    def move(self, one: str, other: str) -> None:
        if one != other and os.path.lexists(self.root / one):
            (self.root / one).replace(self.root / other)

    @rule(one=NAMES, other=NAMES)
    def swap(self, one: str, other: str) -> None:
        if one != other and os.path.lexists(self.root / one) and os.path.lexists(self.root / other):
            (self.root / one).replace(self.root / "aside")
            (self.root / other).replace(self.root / one)
            (self.root / "aside").replace(self.root / other)

    @rule(one=NAMES, other=NAMES)
    def link(self, one: str, other: str) -> None:
        if one != other:
            (self.root / other).unlink(missing_ok=True)
            (self.root / other).symlink_to(self.root / one)

    @rule(folder=st.sampled_from(["", "D", "D/E"]))
    def link_folder(self, folder: str) -> None:
        (self.root / "L").unlink(missing_ok=True)
        (self.root / "L").symlink_to(self.root / folder, target_is_directory=True)

    @rule(name=NAMES)
    def touch(self, name: str) -> None:
        if (self.root / name).is_file():
            os.utime(self.root / name, ns=(1, 10**18 + next(_numbers) * 10**9))

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    @rule(keep=st.sampled_from([Keep.IN_PLACE, Keep.COPY]))
    def import_all(self, keep: Keep) -> None:
        there = self.read_all()
        report = self.bench.run(self.root, keep=keep)
        self.check_account(report, there)
        images = {data for data in there.values() if data in _BY_BYTES}
        if keep is Keep.COPY:
            self.copied |= images
        self.check_library(images)
        again = self.bench.run(self.root, keep=keep)
        self.check_account(again, there)
        assert not again.counts[Outcome.ADDED]
        assert not again.counts[Outcome.UPDATED]
        assert again.viewable == report.viewable
        self.check_library(images)

    def read_all(self) -> dict[str, bytes]:
        """Return the bytes of all that an import meets; of what is not there, nothing."""
        there: dict[str, bytes] = {}
        for item in find_all(self.root):
            if isinstance(item, FileRef):
                there |= dict(look_into(item.path, Path(item.path).read_bytes()))
            else:
                there[item.file.path] = b""
        return there

    def check_account(self, report: ImportReport, there: dict[str, bytes]) -> None:
        """Each file that is there, or that a DICOMDIR lists in vain, has one outcome; the account is their sum."""
        in_vain = [path.parent / name for path, names in self.listed.items() for name in names if not below(path, name)]
        assert report.found == sum(report.counts.values()) == len(there) + len(in_vain)
        images = [path for path, data in there.items() if data in _BY_BYTES]
        assert report.viewable == len(images)
        assert not report.trouble
        # A link that leads out of the medium of a DICOMDIR is met, and is refused as what that lists.
        if not any(str(path) in there for path in in_vain):
            known = Counter(map(self.bench.outcomes().get, images))
            assert report.counts[Outcome.DUPLICATE] == known[Outcome.DUPLICATE]
            assert report.counts[Outcome.CONFLICT] == known[Outcome.CONFLICT]

    def check_library(self, images: set[bytes]) -> None:
        """Each image that is in a file or a copy is shown once, under its own patient; nothing else is."""
        shown: Counter[bytes] = Counter()
        db = self.bench.store.reader()
        for entry in find_instances(db, None):
            one = entry.instance
            located = locate(db, one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
            study = get_study(db, one.StudyInstanceUID)
            assert located is not None
            assert study is not None
            try:
                with open_file(located.file) as file:
                    data = file.read()
            except FileGone:
                continue
            shown[data] += 1
            patient = _BY_BYTES[data].patient
            assert patient in ("", study.patient.PatientID)
        assert shown == Counter(dict.fromkeys(images | self.copied, 1))
        assert self.bench.faults() == ()
        assert self.bench.parts() == []
        library: Any = self.bench
        Library.check(library)


_BY_BYTES = {
    bytes_of(content): content
    for content in map(Content._make, itertools.product((1, 2, 3), ("", "P1", "P2"), (1, 2), (1, 2)))
}
_numbers = itertools.count()


def test_any_sequence_of_changes_and_imports(tmp_path: Path, pool: ReaderPool) -> None:
    kind = type("AnyImports", (Imports,), {"folder": tmp_path, "pool": pool})
    run_state_machine_as_test(kind, settings=settings(max_examples=25, stateful_step_count=12, deadline=None))


# What was found so


def image(**attributes: object) -> bytes:
    file = io.BytesIO()
    make_image(**{"SOPInstanceUID": ROOT_UID + "1", **attributes}).save_as(file, enforce_file_format=True)
    return file.getvalue()


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(1, 10**18 + next(_numbers) * 10**9))


@pytest.mark.parametrize("names", [("b", "a"), ("a", "b")])
@pytest.mark.parametrize("keep", [Keep.IN_PLACE, Keep.COPY])
def test_a_file_that_became_what_another_one_is_does_not_give_it_its_old_header(
    keep: Keep, names: tuple[str, str], bench: Bench, tmp_path: Path
) -> None:
    old, new = image(PatientID="", PatientName=""), image(PatientID="P2", PatientName="Roe^Richard")
    folder = tmp_path / "in"
    write(folder / names[0], old)
    bench.run(folder)
    for name in names:
        write(folder / name, new)
    assert bench.run(folder, keep=keep).counts[Outcome.CONFLICT] == 0
    assert bench.shown() == {new: 1}
    assert bench.rows("SELECT PatientID, PatientName FROM patients") == [("P2", "Roe^Richard")]
    assert bench.rows("SELECT uid FROM instances") == [(ROOT_UID + "1",)]


def test_a_duplicate_keeps_what_two_others_were(bench: Bench, tmp_path: Path) -> None:
    old, new = image(InstanceNumber=1), image(InstanceNumber=2)
    folder = tmp_path / "in"
    for name in "abc":
        write(folder / name, old)
    bench.run(folder)
    for name in "ab":
        write(folder / name, new)
    bench.run(folder / "a")
    assert bench.shown() == {old: 1, new: 1}
    bench.run(folder)
    (folder / "a").unlink()
    (folder / "b").unlink()
    bench.run(folder)
    assert bench.shown() == {old: 1}


def test_one_of_three_that_are_the_same_is_shown_when_the_first_is_gone(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in "abc":
        write(folder / name, image())
    bench.run(folder)
    (folder / "a").unlink()
    report = bench.run(folder)
    assert (report.viewable, report.counts[Outcome.DUPLICATE]) == (2, 1)
    assert bench.shown() == {image(): 1}


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("keep", [Keep.IN_PLACE, Keep.COPY])
def test_files_that_are_numbered_anew_conflict_with_none(keep: Keep, by: int, bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    data = [image(SOPInstanceUID=f"{ROOT_UID}{number}", InstanceNumber=number) for number in range(10)]
    for number, one in enumerate(data):
        write(folder / f"IM{number}", one)
    bench.run(folder)
    for number in sorted(range(10), reverse=by > 0):
        (folder / f"IM{number}").rename(folder / f"IM{number + by:X}")
    report = bench.run(folder, keep=keep)
    assert (report.viewable, report.counts[Outcome.CONFLICT], report.counts[Outcome.DUPLICATE]) == (10, 0, 0)
    assert bench.shown() == dict.fromkeys(data, 1)
    assert bench.rows("SELECT uid FROM instances ORDER BY uid") == [(f"{ROOT_UID}{number}",) for number in range(10)]
