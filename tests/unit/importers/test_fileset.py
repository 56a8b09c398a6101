"""Finding the files that a DICOMDIR lists, and comparing them with what is there."""

import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from desktop.dicom.directory import DirectoryEntry, parse_directory, read_directory
from desktop.importers.fileset import LEADS_OUT, NOT_THERE, FilesetReport, Resolved, compare, resolve

exact_names_only = pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere take A and a for one")


class Listings:
    """Lists folders as the walk does, and counts how often each was asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, folder: str) -> Sequence[os.DirEntry[str]] | None:
        self.asked[folder] += 1
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError:
            return None


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def find(root: Path, *names: Sequence[str]) -> Resolved:
    listings = Listings()
    resolved = resolve(str(root), [DirectoryEntry(tuple(name)) for name in names], listings)
    assert all(times == 1 for times in listings.asked.values())
    assert all(Path(folder).resolve().is_relative_to(root.resolve()) for folder in listings.asked)
    return resolved


def outcome(root: Path, *components: str) -> str:
    """Return the path of one file, below the root, or why there is none."""
    resolved = find(root, components)
    if resolved.found:
        assert resolved.refused == ()
        return Path(resolved.found[0].path).relative_to(root).as_posix()
    return resolved.refused[0].reason


# Where files are


@pytest.mark.parametrize(
    ("there", "components", "expected"),
    [
        ("IM1", ("IM1",), "IM1"),
        ("DICOM/S1/IM1", ("DICOM", "S1", "IM1"), "DICOM/S1/IM1"),
        ("dicom/s1/im1", ("DICOM", "S1", "IM1"), "dicom/s1/im1"),
        ("DICOM/S1/IM1", ("dicom", "S1", "im1"), "DICOM/S1/IM1"),
        ("DICOM/IM1;1", ("DICOM", "IM1"), "DICOM/IM1;1"),
        ("DICOM/im1.;1", ("DICOM", "IM1"), "DICOM/im1.;1"),
        ("DICOM/IM1.", ("DICOM", "IM1"), "DICOM/IM1."),
        ("DICOM/IM1", ("DICOM", "IM1.;1"), "DICOM/IM1"),
        ("dicom/im1.dcm;12", ("DICOM", "IM1.DCM"), "dicom/im1.dcm;12"),
        ("DICOM/IM1.dcm", ("DICOM", "IM1"), NOT_THERE),
        ("DICOM/IM1;x", ("DICOM", "IM1"), NOT_THERE),
        ("DICOM/IM1;1x", ("DICOM", "IM1x"), NOT_THERE),
        ("DICOM/IM1;1\n", ("DICOM", "IM1\n"), NOT_THERE),
        ("DICOM/IM1", ("DICOM", "IM2"), NOT_THERE),
        ("DICOM/IM1", ("IM1",), NOT_THERE),
        ("DICOM/IM1", ("DICOM",), NOT_THERE),
        ("DICOM/IM1", ("DICOM", "IM1", "IM1"), NOT_THERE),
        ("DICOM/IM1", ("DICOM", "x" * 10_000), NOT_THERE),
        ("DICOM/IM1", ("x" * 10_000,) * 16, NOT_THERE),
        ("BILDER/MÜLLER", ("bilder", "Müller"), "BILDER/MÜLLER"),
    ],
)
def test_files_are_found_in_any_form_of_their_names(
    there: str, components: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    if sys.platform == "win32" and there.endswith((".", "\n")):
        pytest.skip("no name ends so there")
    write(tmp_path, there)
    assert outcome(tmp_path, *components) == expected


@exact_names_only
def test_the_exact_name_goes_before_others(tmp_path: Path) -> None:
    names = ("IM1", "Im1", "im1", "IM1.", "IM1;1", "im1.;1")
    write(tmp_path, *names)
    assert [outcome(tmp_path, name) for name in names] == list(names)
    (tmp_path / "IM1").unlink()
    assert outcome(tmp_path, "IM1") == "im1"


@exact_names_only
def test_a_folder_is_not_taken_for_a_file(tmp_path: Path) -> None:
    write(tmp_path, "IM1/IM1", "im1")
    assert outcome(tmp_path, "IM1") == "im1"
    assert outcome(tmp_path, "im1", "im1") == "IM1/IM1"


def test_files_listed_twice_are_one(tmp_path: Path) -> None:
    write(tmp_path, "A/IM1")
    listed = [("A", "IM1"), ("A", "IM1"), ("a", "im1;1"), ("A", "IM2"), ("a", "IM2."), ("..", "B"), ("..", "b")]
    resolved = find(tmp_path, *listed)
    assert [item.entry.components for item in resolved.found] == [("A", "IM1")]
    assert [item.entry.components for item in resolved.refused] == [("A", "IM2"), ("..", "B")]


def test_files_come_in_the_order_in_which_they_are_listed(tmp_path: Path) -> None:
    write(tmp_path, "A", "B", "C")
    resolved = find(tmp_path, ("C",), ("X",), ("A",), ("W",), ("B",))
    assert [item.path for item in resolved.found] == [str(tmp_path / name) for name in "CAB"]
    assert [item.entry.components for item in resolved.refused] == [("X",), ("W",)]


def test_a_folder_that_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    assert outcome(tmp_path / "gone", "A", "IM1") == NOT_THERE


def test_each_folder_is_asked_for_once_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, *(f"S{folder}/IM{number}" for folder in range(3) for number in range(5)), "OTHER/IM1")
    listings = Listings()
    entries = [DirectoryEntry((f"S{folder}", f"IM{number}")) for number in range(9) for folder in (0, 2)]
    resolved = resolve(str(tmp_path), entries, listings)
    assert (len(resolved.found), len(resolved.refused)) == (10, 8)
    assert listings.asked == {str(tmp_path): 1, str(tmp_path / "S0"): 1, str(tmp_path / "S2"): 1}


# Out of the medium


@pytest.mark.parametrize(
    "components",
    [
        ("..", "secret"),
        ("A", "..", "..", "secret"),
        ("A", "..", "IM1"),
        (".", "A", "IM1"),
        ("", "A", "IM1"),
        ("A", "", "IM1"),
        ("A", "IM1", ""),
        ("",),
        (),
        ("..",),
        ("/etc/passwd",),
        ("A/../../secret",),
        ("..\\secret",),
        ("C:", "A"),
        ("C:secret",),
        ("A", "IM1:stream"),
        ("A", "IM1\0"),
    ],
)
def test_names_that_lead_out_are_refused_unseen(components: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, "secret", "root/A/IM1")
    listings = Listings()
    resolved = resolve(str(tmp_path / "root"), [DirectoryEntry(components)], listings)
    assert [item.reason for item in resolved.refused] == [LEADS_OUT]
    assert resolved.found == ()
    assert not listings.asked


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/IM1", "root/A/IM1", "rootless/IM1")
    root = tmp_path / "root"
    (root / "FOLDER").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "A" / "FILE").symlink_to(tmp_path / "elsewhere" / "IM1")
    (root / "LIKE").symlink_to("../rootless", target_is_directory=True)
    for components in (("FOLDER", "IM1"), ("FOLDER", "IM2"), ("A", "FILE"), ("LIKE", "IM1")):
        assert outcome(root, *components) == LEADS_OUT


def test_links_within_the_medium_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "root/A/IM1")
    root = tmp_path / "root"
    (root / "B").symlink_to("A", target_is_directory=True)
    (root / "IM2").symlink_to(root / "A" / "IM1")
    (tmp_path / "medium").symlink_to("root", target_is_directory=True)
    assert outcome(root, "IM2") == "IM2"
    assert outcome(root, "B", "IM1") == "B/IM1"
    assert outcome(tmp_path / "medium", "b", "im1") == "B/IM1"


def test_links_to_nothing_and_in_circles_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "NOTHING").symlink_to("gone")
    (tmp_path / "SELF").symlink_to("SELF")
    for name in ("NOTHING", "SELF"):
        assert outcome(tmp_path, name) == NOT_THERE
        assert outcome(tmp_path, name, "IM1") == NOT_THERE


def test_links_in_circles_do_not_multiply_the_folders(tmp_path: Path) -> None:
    write(tmp_path, "IM1")
    for name in "AB":
        (tmp_path / name).symlink_to(tmp_path, target_is_directory=True)
    listed = [(*f"{number:015b}".replace("0", "A").replace("1", "B"), "IM1") for number in range(2_000)]
    listings = Listings()
    resolved = resolve(str(tmp_path), map(DirectoryEntry, listed), listings)
    assert [item.path for item in resolved.found] == [str(tmp_path / "IM1")]
    assert listings.asked == {str(tmp_path): 1}


@pytest.mark.skipif(sys.platform != "linux", reason="no pipes elsewhere")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "IM1")
    assert outcome(tmp_path, "IM1") == NOT_THERE


# A whole medium


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "TINY_ALPHA/DICOMDIR"])
def test_a_real_medium_has_what_it_lists(name: str, pydicom_files: Path) -> None:
    path = pydicom_files / "dicomdirtests" / name
    data = path.read_bytes()
    directory = read_directory(parse_directory(io.BytesIO(data), len(data)))
    resolved = find(path.parent, *(entry.components for entry in directory.entries))
    assert [item.entry.components for item in resolved.found] == [entry.components for entry in directory.entries]
    for item in resolved.found:
        assert Path(item.path) == path.parent.joinpath(*item.entry.components)
    met = [item.path for item in resolved.found]
    assert compare(resolved, met).sentence() == f"It lists {len(met)} files. None is missing."


def test_a_cd_under_linux_has_what_it_lists(tmp_path: Path) -> None:
    listed = [("IMAGES", f"S{number // 10:02d}", f"IM{number:03d}") for number in range(30)]
    write(tmp_path, *("/".join(name).lower() + ";1" for name in listed))
    assert len(find(tmp_path, *listed).found) == 30


# Comparing


def report(root: Path, listed: Sequence[Sequence[str]], met: Sequence[str]) -> FilesetReport:
    return compare(find(root, *listed), [str(root.joinpath(*name.split("/"))) for name in met])


def test_what_differs_is_told(tmp_path: Path) -> None:
    there = [f"IMAGES/IM{number}" for number in range(1, 7)]
    write(tmp_path, *there, "EXTRA/A")
    listed = [("IMAGES", f"IM{number}") for number in range(1, 9)] + [("..", "X")]
    found = report(tmp_path, listed, [*there, "EXTRA/A", "EXTRA/A"])
    assert found == FilesetReport(9, 2, 1, 1, ("IMAGES/IM7", "IMAGES/IM8"), ("../X",), ("EXTRA/A",))
    assert found.sentence() == (
        "It lists 9 files. 2 of them are not there: IMAGES/IM7, IMAGES/IM8. "
        "1 of them would lead out of the medium: ../X. 1 DICOM file is here that it does not list: EXTRA/A."
    )


@pytest.mark.parametrize(
    ("listed", "met", "sentence"),
    [
        ([], [], "It lists 0 files."),
        ([], ["A"], "It lists 0 files. 1 DICOM file is here that it does not list: A."),
        (["A"], ["A"], "It lists 1 file. None is missing."),
        (["a"], ["A"], "It lists 1 file. None is missing."),
        (["A"], [], "It lists 1 file. None is missing."),
        (["X"], [], "It lists 1 file. 1 of them is not there: X."),
        (
            ["A"],
            ["A", "B", "B2"],
            "It lists 1 file. None is missing. 2 DICOM files are here that it does not list: B, B2.",
        ),
    ],
)
def test_what_differs_is_told_in_a_sentence(listed: list[str], met: list[str], sentence: str, tmp_path: Path) -> None:
    write(tmp_path, "A", "B", "B2")
    assert report(tmp_path, [(name,) for name in listed], met).sentence() == sentence


def test_no_more_than_ten_names_are_told(tmp_path: Path) -> None:
    found = report(tmp_path, [(f"X{number}",) for number in range(1_200)], [f"Y{number}" for number in range(11)])
    assert (found.missing, found.unlisted) == (1_200, 11)
    assert found.missing_names == tuple(f"X{number}" for number in range(10))
    names = ", ".join(f"X{number}" for number in range(10)), ", ".join(f"Y{number}" for number in range(10))
    assert found.sentence() == (
        f"It lists 1,200 files. 1,200 of them are not there: {names[0]}, … "
        f"11 DICOM files are here that it does not list: {names[1]}, …"
    )
    exactly = report(tmp_path, [(f"X{number}",) for number in range(10)], [])
    assert exactly.sentence().endswith("X8, X9.")


def test_files_that_are_elsewhere_do_not_count(tmp_path: Path) -> None:
    resolved = find(tmp_path / "root")
    met = [str(tmp_path / name) for name in ("rootless/A", "A", "root/A")]
    assert compare(resolved, met).unlisted_names == ("A",)


def test_names_are_fit_to_be_shown(tmp_path: Path) -> None:
    listed = [("A\n\x1b[31m\u202e\x85",), ("x" * 10_000,)]
    found = report(tmp_path, listed, ["B\udcff\r"])
    assert found.missing_names == ("A\ufffd\ufffd[31m\ufffd\ufffd", "x" * 100 + "…")
    assert found.unlisted_names == ("B\ufffd\ufffd",)
    assert len(found.sentence().encode("utf-8").splitlines()) == 1


# Any names

NAMES = st.one_of(
    st.sampled_from(["A", "a", "B", "IM1", "im1", "IM1;1", "im1.", "..", ".", "", "A/B", "C:", "LOOP", "OUT"]),
    st.text(max_size=6),
)
TREE = ("A/IM1", "a/im1.;1", "A/B/IM1", "B", "IM1;1", "a/A/a/A")
numbers = count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    listed=st.lists(st.lists(NAMES, max_size=4), max_size=10),
    there=st.lists(st.sampled_from(TREE), max_size=3, unique=True),
)
@example(listed=[["A", "IM1"], ["OUT", "IM1"], ["LOOP", "IM1;1"]], there=list(TREE))
def test_any_names_lead_to_a_file_of_the_medium_or_are_refused(
    tmp_path: Path, listed: list[list[str]], there: list[str]
) -> None:
    folder = tmp_path / str(next(numbers))
    root = folder / "root"
    root.mkdir(parents=True)
    if sys.platform == "linux":
        write(root, *there)
    else:
        write(root, "A/IM1")
    write(folder, "out/IM1", "IM1")
    (root / "LOOP").symlink_to(root, target_is_directory=True)
    (root / "OUT").symlink_to(folder / "out", target_is_directory=True)
    before = {path.as_posix() for path in folder.rglob("*")}

    resolved = find(root, *listed)

    assert {path.as_posix() for path in folder.rglob("*")} == before
    assert len(resolved.found) + len(resolved.refused) <= len(listed)
    answered = {item.entry.components for item in (*resolved.found, *resolved.refused)}
    assert answered <= set(map(tuple, listed))
    for item in resolved.found:
        assert Path(item.path).is_file()
        assert Path(item.path).resolve().is_relative_to(root.resolve())
        plain = root.joinpath(*item.entry.components)
        assert not plain.is_file() or plain.samefile(item.path)
    for item in resolved.refused:
        assert item.reason in (NOT_THERE, LEADS_OUT)
        if item.reason == NOT_THERE:
            assert not root.joinpath(*item.entry.components).is_file()
    assert compare(resolved, [item.path for item in resolved.found]).unlisted == 0
