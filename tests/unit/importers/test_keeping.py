"""Keeping files: in place, or as copies in the library that are verified, whole, and never lost."""

import io
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from hypothesis import given
from hypothesis import strategies as st
from unit.bench import Bench, counts, disc_in, make_disc, media_folder, mounted, small_disk, told
from unit.dicom.zips import make_zip
from unit.helpers import NAME, PATIENT_ID, file_ref, files_below, header_of, header_of_bytes, small_image

from desktop.dicom.files import Source, open_source
from desktop.dicom.records import FileRef, Header, Patient, Study
from desktop.errors import Unreachable
from desktop.importers import keeping
from desktop.importers.keeping import (
    DiskFull,
    NotKept,
    check_space,
    copy_name,
    copy_source,
    digest_of,
    remove_parts,
    take_file,
)
from desktop.importers.reading import ReaderPool
from desktop.library.outcomes import Outcome
from desktop.services.inbox import Inbox

MB = 1 << 20
not_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk with room for 2 MB, all of which may be used."""
    monkeypatch.setattr(keeping, "_RESERVE", 0)
    with small_disk(tmp_path / "disk", 2) as folder:
        yield folder


def image(path: Path, **attributes: Any) -> bytes:
    """Write an image, and return its bytes."""
    return save(make_image(**{"SOPInstanceUID": ROOT_UID + "5", **attributes}), path).read_bytes()


def large_stack(folder: Path, count: int) -> list[Path]:
    """Write images of half a megabyte each, of which 3 go on the small disk."""
    return make_stack(folder, count, Rows=512, Columns=512)


# One copy


@pytest.fixture
def header(tmp_path: Path) -> Header:
    return header_of_bytes(small_image(), tmp_path)


def copy_bytes(data: bytes, header: Header, copies: Path, **more: Any) -> Path:
    made = copy_source(Source(io.BytesIO(data), **{"size": len(data), "mtime_ns": 0, **more}), header, copies)
    assert (copies / made.name).stat().st_mtime_ns == made.mtime_ns
    return copies / made.name


def test_a_copy_is_the_same_and_nothing_else_is_left(header: Header, tmp_path: Path) -> None:
    made = copy_bytes(small_image(), header, tmp_path / "copies")
    assert made.read_bytes() == small_image()
    assert files_below(tmp_path / "copies") == [made]
    assert digest_of(made).startswith(made.stem)


@not_windows
def test_others_may_not_read_copies(header: Header, tmp_path: Path) -> None:
    made = copy_bytes(small_image(), header, tmp_path / "copies")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (made, made.parent, made.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_a_sound_copy_is_left_alone_and_a_damaged_one_replaced(header: Header, tmp_path: Path) -> None:
    data = small_image()
    made = copy_bytes(data, header, tmp_path)
    before = made.stat()
    assert copy_bytes(data, header, tmp_path) == made
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    for damaged in (data[:-1] + b"\1", data[:100], b""):
        made.write_bytes(damaged)
        assert copy_bytes(data, header, tmp_path) == made
        assert made.read_bytes() == data


def refuse_links(*_: object) -> None:
    raise PermissionError("This disk knows no second names.")


@pytest.mark.parametrize("links", [True, False])
def test_what_is_taken_is_not_written_again(
    links: bool, header: Header, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse_links)
    path = tmp_path / "inbox"
    for _ in range(2):
        path.write_bytes(small_image())
        with open_source(str(path), streaming=True) as source:
            made = take_file(source, str(path), header, tmp_path / "copies")
        path.unlink()
        place = tmp_path / "copies" / made.name
        assert place.read_bytes() == small_image()
        assert place.stat().st_mtime_ns == made.mtime_ns
        assert digest_of(place).startswith(place.stem)
        assert files_below(tmp_path / "copies") == [place]


@pytest.mark.parametrize("size", [-1, 1])
def test_what_changes_while_it_is_copied_is_not_kept(size: int, header: Header, tmp_path: Path) -> None:
    data = small_image()
    with pytest.raises(Unreachable, match="changed while it was copied"):
        copy_bytes(data, header, tmp_path / "copies", size=len(data) + size)
    assert files_below(tmp_path / "copies") == []


class Scratched(io.BytesIO):
    """A file whose disc is scratched in the middle."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= MB:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_what_cannot_be_read_to_its_end_is_not_kept(header: Header, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be read: Input/output error"):
        copy_source(Source(Scratched(bytes(3 * MB)), 3 * MB, 0), header, tmp_path / "copies")
    assert files_below(tmp_path / "copies") == []


PLACE = re.compile(r"[0-9]{16}/[0-9a-f]{48}\.dcm")
TEXT = st.text(max_size=80) | st.sampled_from(["../../etc", "/etc/passwd", "C:\\x", "a\0b", NAME, PATIENT_ID])


@given(uid=TEXT, name=TEXT, number=TEXT)
def test_no_word_of_a_file_is_in_the_name_of_its_copy(uid: str, name: str, number: str) -> None:
    made = copy_name(_header_of(uid, name, number), "ab" * 32)
    assert PLACE.fullmatch(made)
    assert made.endswith("/" + "ab" * 24 + ".dcm")


def _header_of(uid: str, name: str, number: str) -> Header:
    fields: dict[str, Any] = dict.fromkeys(("file", "series", "instance", "pixels"))
    return Header(
        **fields,
        study=Study(uid),
        patient=Patient(PatientName=name, PatientID=number),
        dicom_json=b"",
        ohif_json=b"",
    )


def test_each_study_has_a_folder() -> None:
    assert len({copy_name(_header_of(uid, "A", "1"), "0" * 64) for uid in ("1.2", "1.3", "")}) == 3


def test_what_a_killed_program_began_is_removed(tmp_path: Path) -> None:
    remove_parts(tmp_path / "none")
    (tmp_path / "a.part").touch()
    (tmp_path / "F").mkdir()
    (tmp_path / "F" / "b.dcm").touch()
    remove_parts(tmp_path)
    assert files_below(tmp_path) == [tmp_path / "F" / "b.dcm"]


# Room


def test_a_full_disk_is_told_and_nothing_half_is_left(header: Header, disk: Path) -> None:
    with pytest.raises(DiskFull, match=re.escape(f"full ({disk / 'copies'}). What was copied is kept. Make room")):
        copy_bytes(bytes(3 * MB), header, disk / "copies")
    assert files_below(disk) == []
    copy_bytes(bytes(MB), header, disk / "copies")


def test_a_disk_that_cannot_be_written_is_told(header: Header, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "ro", "none") as disk:
        with pytest.raises(NotKept, match=r"No copies can be made in .*: Read-only file system"):
            copy_bytes(small_image(), header, disk / "copies")
        with pytest.raises(NotKept, match="Read-only file system"):
            check_space([], disk / "copies")


def test_room_is_counted_with_some_to_spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        files = [file_ref(path) for path in large_stack(tmp_path / "in", 3)]
        with pytest.raises(DiskFull) as told:
            check_space(files[:1], disk / "copies")
        assert "MB are needed, 0.0 MB are free" in told.value.sentence
        monkeypatch.setattr(keeping, "_RESERVE", 0)
        check_space(files, disk / "copies")
        with pytest.raises(DiskFull, match="Make room, or open the files where they are"):
            check_space(files * 2, disk / "copies")


def test_what_is_no_dicom_takes_no_room(disk: Path, tmp_path: Path) -> None:
    images = [file_ref(path) for path in large_stack(tmp_path / "in", 3)]
    video, gone = tmp_path / "video", FileRef(str(tmp_path / "gone"), 9 * MB, 0)
    video.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(5 * MB))
    check_space([*images, file_ref(video), gone], disk / "copies")


def test_what_has_a_copy_takes_no_room(tmp_path: Path, disk: Path, pool: ReaderPool) -> None:
    bench = Bench(tmp_path / "base", pool, disk / "copies")
    try:
        large_stack(tmp_path / "in", 3)
        assert counts(bench.copy(tmp_path / "in")) == {"added": 3}
        assert counts(bench.copy(tmp_path / "in")) == {"unchanged": 3}
        large_stack(tmp_path / "more", 6)
        report = bench.copy(tmp_path / "more")
        assert (report.found, report.trouble[:38]) == (0, "There is not enough room for copies in")
        assert sum(bench.shown().values()) == 3
        assert bench.faults() == ()
    finally:
        bench.close()


def test_a_disk_that_becomes_full_keeps_what_was_copied(tmp_path: Path, disk: Path, pool: ReaderPool) -> None:
    bench = Bench(tmp_path / "base", pool, disk / "copies")
    try:
        # An archive is only known to hold much when it is looked into.
        paths = large_stack(tmp_path / "in", 12)
        make_zip(tmp_path / "a.zip", [(path.name, path.read_bytes()) for path in paths])
        report = bench.copy(tmp_path / "a.zip")
        assert report.trouble.startswith("The disk with the library is full")
        assert report.found == 13
        assert report.counts[Outcome.ADDED] == 3
        assert report.counts[Outcome.REJECTED] == 9
        assert told(report)["IM0011"][1] == report.trouble
        assert sum(bench.shown().values()) == bench.instances() == 3
        assert (bench.faults(), bench.parts()) == ((), [])
        (said,) = bench.rows("SELECT state, trouble FROM imports ORDER BY id DESC LIMIT 1")
        assert said == ("stopped", report.trouble)
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert counts(bench.copy(tmp_path / "a.zip")) == {"added": 9, "unchanged": 3, "not_dicom": 1}
        assert sum(bench.shown().values()) == 12
        assert bench.faults() == ()
    finally:
        bench.close()


# Copies and files in place


def test_copies_outlive_their_files(bench: Bench, tmp_path: Path) -> None:
    files = make_stack(tmp_path / "in", 5)
    data = {path.read_bytes() for path in files}
    assert counts(bench.copy(tmp_path / "in")) == {"added": 5}
    for path in files:
        path.unlink()
    assert set(bench.shown()) == data
    assert counts(bench.copy(tmp_path / "in")) == {}
    assert set(bench.shown()) == data
    assert bench.faults() == ()


def test_files_in_place_are_copied_later_and_stay_what_they_are(bench: Bench, tmp_path: Path) -> None:
    files = make_stack(tmp_path / "in", 3)
    bench.run(tmp_path / "in")
    before = bench.rows("SELECT uid FROM instances ORDER BY uid")
    report = bench.copy(tmp_path / "in")
    assert report.viewable == report.found == 3
    assert len(files_below(bench.copies)) == 3
    assert bench.rows("SELECT uid FROM instances ORDER BY uid") == before
    for way in (bench.copy, bench.run):
        assert counts(way(tmp_path / "in")) == {"unchanged": 3}
    assert all(path.exists() for path in files)


def test_a_copy_takes_the_place_of_a_file_elsewhere(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "one" / "a")
    image(tmp_path / "two" / "a")
    bench.run(tmp_path / "one")
    bench.copy(tmp_path / "two")
    assert bench.instances() == 1
    (tmp_path / "one" / "a").unlink()
    (tmp_path / "two" / "a").unlink()
    assert bench.shown() == {data: 1}
    assert bench.faults() == ()


def test_a_copy_stays_when_its_file_changes(bench: Bench, tmp_path: Path) -> None:
    first = image(tmp_path / "in" / "a")
    bench.copy(tmp_path / "in")
    second = image(tmp_path / "in" / "a", SOPInstanceUID=ROOT_UID + "6")
    bench.run(tmp_path / "in")
    assert bench.shown() == {first: 1, second: 1}
    third = image(tmp_path / "in" / "a", WindowCenter=1)
    assert counts(bench.copy(tmp_path / "in")) == {"conflict": 1}
    assert bench.shown() == {first: 1, third: 1}
    image(tmp_path / "in" / "a")
    assert counts(bench.copy(tmp_path / "in")) == {"duplicate": 1}
    (tmp_path / "in" / "a").write_text("no image any more")
    assert counts(bench.copy(tmp_path / "in")) == {"not_dicom": 1}
    assert bench.shown() == {first: 1, third: 1}
    assert bench.faults() == ()


def test_a_duplicate_does_not_spoil_the_copy(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "in" / "a")
    (tmp_path / "in" / "b").write_bytes(data)
    assert counts(bench.copy(tmp_path / "in")) == {"added": 1, "duplicate": 1}
    assert bench.shown() == {data: 1}
    (tmp_path / "c").write_bytes(data)
    assert counts(bench.copy(tmp_path / "c")) == {"duplicate": 1}
    assert bench.shown() == {data: 1}
    assert bench.faults() == ()


@pytest.mark.parametrize("damage", [b"", b"\1", None])
def test_a_copy_that_is_lost_is_made_again(damage: bytes | None, bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "in" / "a")
    bench.copy(tmp_path / "in")
    (copy,) = files_below(bench.copies)
    spoil(copy, damage)
    assert bench.shown() == {}
    bench.copy(tmp_path / "in")
    assert bench.shown() == {data: 1}
    assert files_below(bench.copies) == [copy]
    assert bench.faults() == ()


def test_a_file_in_place_stands_in_for_a_copy_that_is_lost(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "in" / "a")
    bench.copy(tmp_path / "in")
    spoil(*files_below(bench.copies), None)
    bench.run(tmp_path / "in")
    assert bench.shown() == {data: 1}
    assert bench.faults() == ()


def spoil(copy: Path, data: bytes | None) -> None:
    if data is None:
        copy.unlink()
    else:
        copy.write_bytes(data)


def test_a_damaged_copy_is_mended_by_another_file_that_is_the_same(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "one" / "a")
    image(tmp_path / "two" / "a")
    bench.copy(tmp_path / "one")
    spoil(*files_below(bench.copies), data[:-1] + b"\7")
    bench.copy(tmp_path / "two")
    assert bench.shown() == {data: 1}
    assert bench.faults() == ()


def test_a_copy_of_what_is_on_a_stick_stays_when_the_file_is_met_elsewhere(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "content" / "a")
    with media_folder() as media:
        with disc_in(make_disc(tmp_path / "disc", tmp_path / "content"), media / "stick") as stick:
            assert counts(bench.copy(stick / "a")) == {"added": 1}
        assert counts(bench.run(tmp_path / "content")) == {"duplicate": 1}
    assert bench.shown() == {data: 1}
    assert bench.faults() == ()


def test_what_came_into_the_inbox_too_may_change(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "in" / "a")
    bench.copy(tmp_path / "in")
    with Inbox(tmp_path / "inbox", bench.importing).put() as file:
        file.write(data)
    job = Inbox(tmp_path / "inbox", bench.importing).take()
    assert job is not None
    assert counts(job.wait()) == {"duplicate": 1}
    later = image(tmp_path / "in" / "a", SOPInstanceUID=ROOT_UID + "6")
    assert bench.run(tmp_path / "in").viewable == 1
    assert bench.shown() == {data: 1, later: 1}
    assert bench.faults() == ()


def test_what_is_in_archives_is_copied_too(bench: Bench, tmp_path: Path) -> None:
    data = image(tmp_path / "a")
    make_zip(tmp_path / "a.zip", {"b": data})
    assert counts(bench.copy(tmp_path / "a.zip")) == {"added": 1, "not_dicom": 1}
    (tmp_path / "a.zip").unlink()
    assert bench.shown() == {data: 1}


def test_a_file_that_grows_while_it_is_imported_is_read_again(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "in" / "a"
    data = image(path)
    found = replace(file_ref(path), size=len(data) - 100)
    path.write_bytes(data)
    (header,) = bench.pool.submit([found]).result()
    assert isinstance(header, Header)
    assert header.file == file_ref(path)
    with open_source(str(path)) as source:
        assert (source.size, source.mtime_ns) == (header.file.size, header.file.mtime_ns)
        assert header == header_of(path)


@not_windows
def test_a_folder_of_copies_that_is_somebody_elses_is_told(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.write_text("a file")
    with pytest.raises(NotKept, match="No copies can be made in"):
        check_space([], copies)
