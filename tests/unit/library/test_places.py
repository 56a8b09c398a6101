"""Where files are: media that come back elsewhere, copies that are lost, and what is away."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from hypothesis import given
from hypothesis import strategies as st
from unit.bench import disc_in, make_disc, media_folder
from unit.dicom.zips import make_zip
from unit.helpers import file_ref, header_of
from unit.library.conftest import Library

from desktop.dicom.header import read_header
from desktop.dicom.memberpaths import member_path
from desktop.dicom.records import Copy, FileRef
from desktop.library.outcomes import Outcome, Refusal
from desktop.library.places import (
    define_places,
    find_away,
    find_lost_copies,
    find_samples,
    is_here,
    medium_row,
    note_medium,
    shown,
)
from desktop.media import THIS_COMPUTER, Medium, MediumKind, find_medium, mounts

DISC = Medium("uuid:1", "IMAGES", "/media/cd", MediumKind.REMOVABLE)
OTHER = Medium("uuid:2", "IMAGES", "/media/cd", MediumKind.REMOVABLE)


def put(library: Library, path: str, medium: Medium = THIS_COMPUTER, reason: str = "text") -> None:
    """Note a file that is no image."""
    note_medium(library.db, medium)
    library.add([Refusal(FileRef(path, 1, 1, medium.identity), Outcome.NOT_DICOM, reason)])


def paths(library: Library) -> list[tuple[str, str]]:
    rows = library.rows("SELECT path, identity FROM files JOIN media ON media.id = medium ORDER BY files.id")
    return [(shown(os.fsdecode(path)), str(identity)) for path, identity in rows]  # type: ignore[arg-type]


# Media


def test_files_go_where_their_medium_goes(library: Library) -> None:
    put(library, "/media/cd/A/1", DISC)
    put(library, member_path("/media/cd/a.zip", 3, "A/1"), DISC)
    put(library, "/home/me/link/1", DISC)
    put(library, "/media/cd/A/1")
    put(library, "/media/cd2/1", OTHER)
    moved = replace(DISC, mount="/run/media/me/IMAGES", name="RENAMED")
    for _ in range(2):
        note_medium(library.db, moved)
        assert paths(library) == [
            ("/run/media/me/IMAGES/A/1", "uuid:1"),
            ("/run/media/me/IMAGES/a.zip/A/1", "uuid:1"),
            ("/home/me/link/1", "uuid:1"),
            ("/media/cd/A/1", ""),
            ("/media/cd2/1", "uuid:2"),
        ]
    assert library.rows("SELECT name, mount FROM media WHERE identity = 'uuid:1'") == [
        ("RENAMED", b"/run/media/me/IMAGES")
    ]


def test_one_path_on_two_discs_is_two_files(library: Library) -> None:
    for medium in (DISC, OTHER, THIS_COMPUTER):
        put(library, "/media/cd/A/1", medium, medium.name)
    put(library, "/media/cd/A/1", DISC, "again")
    rows = "SELECT identity, reason FROM files JOIN media ON media.id = medium ORDER BY files.id"
    assert library.rows(rows) == [("uuid:1", "again"), ("uuid:2", "IMAGES"), ("", "this computer")]


def test_a_medium_that_was_met_at_both_places_is_no_trouble(library: Library) -> None:
    put(library, "/media/one/1", replace(DISC, mount="/media/one"))
    put(library, "/media/one/2", replace(DISC, mount="/media/one"))
    library.add([Refusal(FileRef("/media/two/1", 1, 1, DISC.identity), Outcome.NOT_DICOM, "the same by a link")])
    note_medium(library.db, replace(DISC, mount="/media/two"))
    assert paths(library) == [(path, "uuid:1") for path in ("/media/one/1", "/media/two/2", "/media/two/1")]
    library.check()


@given(places=st.lists(st.sampled_from(["/media/a", "/media/b", "/media/a/b", "/m"]), min_size=1, max_size=6))
def test_a_medium_may_wander(places: list[str]) -> None:
    library = Library()
    names = ["1", "b/1", "media/a/2", "ä\udcff"]
    first = replace(DISC, mount="/media/a")
    for name in names:
        put(library, f"/media/a/{name}", first)
    for place in places:
        note_medium(library.db, replace(DISC, mount=place))
        assert paths(library) == [(shown(f"{place}/{name}"), "uuid:1") for name in names]
    note_medium(library.db, first)
    assert len(paths(library)) == len(names)
    library.db.close()


def test_only_media_of_which_files_were_met_are_noted_when_they_come(library: Library) -> None:
    note_medium(library.db, DISC, only_known=True)
    note_medium(library.db, THIS_COMPUTER)
    assert library.rows("SELECT identity FROM media") == [("",)]
    put(library, "/media/cd/1", DISC)
    note_medium(library.db, replace(DISC, mount="/mnt"), only_known=True)
    assert paths(library) == [("/mnt/1", "uuid:1")]


def test_rows_of_media(library: Library) -> None:
    assert medium_row(library.db, "") == 1
    note_medium(library.db, DISC)
    note_medium(library.db, OTHER)
    rows = library.rows("SELECT id, identity FROM media WHERE id > 1")
    assert rows == [(medium_row(library.db, identity), identity) for identity in ("uuid:1", "uuid:2")]


def test_this_computer_is_always_here() -> None:
    assert is_here("/not/there", "")
    assert not is_here("/not/there", "uuid:1")
    assert not is_here(member_path("/not/there.zip", 1, "a"), "uuid:1")


# Copies


def copied(library: Library, tmp_path: Path, name: str = "a", **attributes: str) -> tuple[FileRef, Path]:
    """Add an image with a copy; return its file, and where the copy is."""
    path = save(make_image(**attributes), tmp_path / name)
    copy_name = f"{1:016d}/{hashlib.sha256(name.encode()).hexdigest()[:48]}.dcm"
    copy = tmp_path / "copies" / copy_name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(path.read_bytes())
    define_places(library.db, tmp_path / "copies")
    header = replace(header_of(path), copy=Copy(copy_name, copy.stat().st_mtime_ns))
    (outcome,) = library.add([header])
    assert outcome.outcome is Outcome.ADDED
    return header.file, copy


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def shorten(path: Path) -> None:
    status = path.stat()
    path.write_bytes(path.read_bytes()[:-1])
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("happens", [Path.unlink, touch, shorten, become_a_folder])
def test_copies_that_are_not_what_they_were_are_found(happens: object, library: Library, tmp_path: Path) -> None:
    lost, copy = copied(library, tmp_path)
    kept, _ = copied(library, tmp_path, "b", SOPInstanceUID="1.2.3")
    in_place = header_of(save(make_image(SOPInstanceUID="1.2.4"), tmp_path / "c"))
    library.add([in_place])
    files = [lost, kept, in_place.file, FileRef("/never/met", 1, 1), replace(lost, medium="uuid:1")]
    assert find_lost_copies(library.db, files) == set()
    assert callable(happens)
    happens(copy)
    assert find_lost_copies(library.db, files) == {lost}


# What is away


def test_what_is_not_there_is_away_and_copies_never_are(library: Library, tmp_path: Path) -> None:
    for number, name in enumerate(("gone", "there", "half"), start=1):
        study = {"StudyInstanceUID": f"1.{number}", "SeriesInstanceUID": f"1.{number}.1"}
        library.add_files(*make_stack(tmp_path / name, 2, **study))
    file, _ = copied(library, tmp_path, "copied", StudyInstanceUID="1.5", SeriesInstanceUID="1.5.1", SOPInstanceUID="9")
    Path(file.path).unlink()
    archive = make_zip(tmp_path / "a.zip", {"IM": save(make_image(SOPInstanceUID="8"), tmp_path / "b").read_bytes()})
    status = os.stat(archive)  # noqa: PTH116
    member = FileRef(member_path(archive, 0, "IM"), (tmp_path / "b").stat().st_size, status.st_mtime_ns)
    library.add([replace(header_of(tmp_path / "b"), file=member)])
    samples = find_samples(library.db)
    assert {sample.study_uid for sample in samples} == {"1.1", "1.2", "1.3", ROOT_UID + "1"}
    assert find_away(samples) == {}
    shutil.rmtree(tmp_path / "gone")
    (tmp_path / "half" / "IM0000").unlink()
    os.remove(archive)  # noqa: PTH107
    assert find_away(find_samples(library.db)) == {
        "1.1": str(tmp_path / "gone"),
        "1.3": str(tmp_path / "half"),
        ROOT_UID + "1": archive,
    }


def test_of_a_series_that_is_copied_in_part_the_rest_may_be_away(library: Library, tmp_path: Path) -> None:
    copied(library, tmp_path, "a", SOPInstanceUID="1.2.3")
    rest = save(make_image(SOPInstanceUID="1.2.4"), tmp_path / "rest" / "b")
    library.add_files(rest)
    assert find_away(find_samples(library.db)) == {}
    shutil.rmtree(rest.parent)
    assert find_away(find_samples(library.db)) == {ROOT_UID + "1": str(rest.parent)}


@pytest.fixture
def media(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(mounts, "MOMENT", 1e-9)
    with media_folder() as folder:
        yield folder


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone mounts like this")
def test_what_lies_on_a_disc_that_is_out_is_away(library: Library, tmp_path: Path, media: Path) -> None:
    make_stack(tmp_path / "content", 1)
    disc, other = (make_disc(tmp_path / name, tmp_path / "content", name) for name in ("one", "two"))
    with disc_in(disc, media / "cd") as place:
        medium = find_medium(place)
        note_medium(library.db, medium)
        library.add([read_header(replace(file_ref(place / "IM0000"), medium=medium.identity))])
        (sample,) = find_samples(library.db)
        assert (sample.medium, sample.name) == (medium.identity, "one")
        assert is_here(sample.path, sample.medium)
        assert find_away([sample]) == {}
    assert find_away([sample]) == {ROOT_UID + "1": "one"}
    with disc_in(other, media / "cd") as place:
        assert (place / "IM0000").exists()
        assert find_away([sample]) == {ROOT_UID + "1": "one"}
    with disc_in(disc, media / "elsewhere") as place:
        note_medium(library.db, find_medium(place), only_known=True)
        assert find_away(find_samples(library.db)) == {}
