import os
import sys
from pathlib import Path

import pytest
from builders import find_all

from desktop.dicom.records import FileRef
from desktop.importers.sources import Finder
from desktop.library.outcomes import Outcome, Refusal

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere do not have this")


def names(*paths: Path) -> list[str]:
    return [Path(item.path).name for item in find_all(*paths) if isinstance(item, FileRef)]


def refusals(*paths: Path) -> list[Refusal]:
    return [item for item in find_all(*paths) if isinstance(item, Refusal)]


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_all_files_are_found_in_the_order_of_their_names(tmp_path: Path):
    for name in ("b", "a", ".hidden", "deep/er/c", "deep/d", "Ümläut ß/患者", "no.ext.dcm"):
        write(tmp_path / name)
    assert names(tmp_path) == [".hidden", "a", "b", "no.ext.dcm", "d", "c", "患者"]


def test_what_is_told_of_a_file_is_its_own(tmp_path: Path):
    path = write(tmp_path / "a")
    os.utime(path, ns=(1, 123_456_789_000))
    (ref,) = find_all(path)
    assert ref == FileRef(str(path), 1, path.stat().st_mtime_ns)


def test_no_file_is_met_twice(tmp_path: Path):
    a, b = write(tmp_path / "in" / "a"), write(tmp_path / "in" / "b")
    assert names(a, tmp_path / "in", a, tmp_path, b) == ["a", "b"]


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "in" / "a")
    monkeypatch.chdir(tmp_path)
    assert [item.file.path if isinstance(item, Refusal) else item.path for item in find_all("in", "in/../in")] == [
        str(tmp_path / "in" / "a")
    ]


def test_a_loop_of_links_ends(tmp_path: Path):
    write(tmp_path / "in" / "a")
    (tmp_path / "in" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in", target_is_directory=True)
    assert names(tmp_path / "in") == ["a"]


def test_a_link_to_elsewhere_is_followed(tmp_path: Path):
    write(tmp_path / "elsewhere" / "a")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert names(tmp_path / "in") == ["a"]


def test_a_link_to_nothing_is_told(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    write(tmp_path / "a")
    (refusal,) = refusals(tmp_path)
    assert (refusal.file.path, refusal.outcome) == (str(tmp_path / "link"), Outcome.REJECTED)
    assert names(tmp_path) == ["a"]


def test_what_is_not_there_is_told_and_stops_nothing(tmp_path: Path):
    write(tmp_path / "a")
    (refusal,) = refusals(tmp_path / "nothing", tmp_path)
    assert refusal.reason == "There is no such file or folder."
    assert names(tmp_path / "nothing", tmp_path) == ["a"]


@on_linux
def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "closed" / "a")
    write(tmp_path / "open" / "b")
    scandir = os.scandir

    # Whoever runs the tests as root may list everything.
    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("desktop.importers.sources.os.scandir", refuse)
    (refusal,) = refusals(tmp_path)
    assert refusal.file.path == str(tmp_path / "closed")
    assert refusal.reason == "It cannot be read: Permission denied."
    assert names(tmp_path) == ["b"]


@on_linux
def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (refusal,) = refusals(tmp_path)
    assert (refusal.outcome, refusal.reason) == (Outcome.NOT_DICOM, "It is no regular file.")


@on_linux
def test_names_that_are_no_text_come_through(tmp_path: Path):
    path = os.fsencode(tmp_path) + b"/\xff\xfe name"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"x")
    (ref,) = find_all(tmp_path)
    assert isinstance(ref, FileRef)
    assert os.fsencode(ref.path) == path


def test_deep_folders_are_walked(tmp_path: Path):
    folder = tmp_path.joinpath(*["a" * 40] * 20)
    try:
        write(folder / "file")
    except OSError:
        pytest.skip("this system takes no path of 800 letters")
    assert names(tmp_path) == ["file"]


def test_the_walk_is_lazy(tmp_path: Path):
    for number in range(10):
        write(tmp_path / str(number))
    write(tmp_path / "deep" / "a")
    finder = Finder([tmp_path])
    assert len(finder.take(3)) == 3
    write(tmp_path / "deep" / "b")
    assert len(finder.take(100)) == 9
