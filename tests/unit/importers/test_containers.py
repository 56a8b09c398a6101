"""Archives, read in place, and DICOMDIRs: what they hold and list is met, accounted for, and never left."""

import io
import os
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from unit.bench import Bench, counts, told
from unit.dicom.test_directory import dicomdir, record
from unit.dicom.zips import Item, locked, make_aes, make_zip, put, write_zip

from desktop.dicom import keyring
from desktop.errors import InputError
from desktop.importers import reading
from desktop.importers.reading import ReaderPool
from desktop.importers.report import ImportReport
from desktop.library.outcomes import Outcome

RIGHT = "Schlüssel"


@pytest.fixture
def bench(tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # Passwords are known to this process for as long as it lives.
    monkeypatch.setattr(keyring, "_keys", {})
    made = Bench(tmp_path / "base", pool)
    yield made
    made.close()


def data_of(number: int = 1, **attributes: Any) -> bytes:
    """Return an image as the bytes of a file."""
    file = io.BytesIO()
    make_image(**{"SOPInstanceUID": f"{ROOT_UID}{number}", "InstanceNumber": number, **attributes}).save_as(
        file, enforce_file_format=True
    )
    return file.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def listing(*names: str, **more: Any) -> bytes:
    """Return a DICOMDIR that lists files, as their names stand there."""
    return dicomdir(*(record("IMAGE", name.encode(), **more) for name in names))


# Archives


def test_archives_in_archives_are_looked_into_as_deep_as_is_allowed(bench: Bench, tmp_path: Path) -> None:
    data = {"IM": data_of(4)}
    for number in (3, 2, 1):
        data = {"IM": data_of(number), "in.zip": zipped(data)}
    make_zip(tmp_path / "a.zip", data)
    report = bench.run(tmp_path / "a.zip")
    assert counts(report) == {"added": 3, "not_dicom": 3, "rejected": 1}
    assert [reason for outcome, reason in told(report).values() if outcome is Outcome.REJECTED] == [
        "It is more than 3 archives deep. Unpack them, and open the folder."
    ]
    assert bench.shown() == {data_of(number): 1 for number in (1, 2, 3)}
    assert counts(bench.run(tmp_path / "a.zip")) == {"unchanged": 3, "not_dicom": 3, "rejected": 1}


def test_an_archive_that_holds_itself_ends(bench: Bench, tmp_path: Path) -> None:
    # Not a quine, but as good as one: each holds the next, a hundred times.
    data = zipped({"IM": data_of()})
    for _ in range(100):
        data = zipped({"a.zip": data})
    put(tmp_path, data)
    assert counts(bench.run(tmp_path / "a.zip")) == {"not_dicom": 3, "rejected": 1}


@pytest.mark.parametrize(
    "names",
    [
        ("../../../etc/passwd", "/etc/passwd", "C:\\x", "..\\..\\x", "a\0b", "", ".", "..", "a//b", "x" * 5000),
        ("a", "a", "A", "a", "a/", "a/a"),
        ("\udcff\n\r\x1b[2J", "\u202egnp.exe", "患者/山田", "a\tb"),
    ],
)
def test_names_in_archives_lead_nowhere(names: tuple[str, ...], bench: Bench, tmp_path: Path) -> None:
    items = [Item(name.encode("utf-8", "surrogateescape"), data_of(at + 1)) for at, name in enumerate(names)]
    put(tmp_path, write_zip(*items))
    before = set(tmp_path.rglob("*"))
    for way in (bench.run, bench.copy):
        report = way(tmp_path / "a.zip")
        assert report.viewable == len(names)
        assert report.found == len(names) + 1
    assert {path for path in tmp_path.rglob("*") if bench.copies not in (path, *path.parents)} == before
    assert bench.shown() == {data_of(at + 1): 1 for at in range(len(names))}
    assert bench.faults() == ()


@pytest.mark.parametrize("first", ["META-INF/MANIFEST.MF", "mimetype", "AndroidManifest.xml", "[Content_Types].xml"])
def test_an_archive_that_is_named_is_looked_into_whatever_it_is(first: str, bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    make_zip(path, {first: b"text", "IM": data_of()})
    found = bench.run(tmp_path / "in")
    assert counts(found) == {"not_dicom": 1}
    assert told(found)["a.zip"][1].endswith(", and was not looked into.")
    assert counts(bench.run(path)) == {"added": 1, "not_dicom": 2}
    assert counts(bench.run(tmp_path / "in")) == {"not_dicom": 1}
    assert bench.shown() == {data_of(): 1}


def test_what_changes_in_an_archive_is_read_again(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    make_zip(path, {"a": data_of(1), "b": data_of(2), "c": data_of(3)})
    bench.run(path)
    make_zip(path, {"b": data_of(2), "c": data_of(4), "a": data_of(1), "d": data_of(3)})
    os.utime(path, ns=(1, 1))
    report = bench.run(path)
    assert (report.viewable, report.counts[Outcome.CONFLICT]) == (4, 0)
    assert bench.shown() == {data_of(number): 1 for number in (1, 2, 3, 4)}
    assert bench.instances() == 4
    assert counts(bench.run(path)) == {"unchanged": 4, "not_dicom": 1}


def test_an_archive_that_was_unpacked_and_thrown_away_leaves_its_images(bench: Bench, tmp_path: Path) -> None:
    files = make_stack(tmp_path / "in", 3)
    path = Path(make_zip(tmp_path / "a.zip", [(file.name, file.read_bytes()) for file in files]))
    bench.run(path)
    before = bench.rows("SELECT uid FROM instances ORDER BY uid")
    path.unlink()
    assert counts(bench.run(tmp_path / "in")) == {"updated": 3}
    assert bench.rows("SELECT uid FROM instances ORDER BY uid") == before
    assert sum(bench.shown().values()) == 3


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[200:-200] = random.Random(1).randbytes(len(data) - 400)
    path.write_bytes(data)


def replace_by_text(path: Path) -> None:
    path.write_text("no archive any more")


@pytest.mark.parametrize("happens", [damage, replace_by_text, Path.unlink])
@pytest.mark.parametrize("header", [1, 2])
def test_an_archive_that_was_spoilt_hinders_no_other_file(
    happens: Callable[[Path], None], header: int, bench: Bench, tmp_path: Path
) -> None:
    noise = random.Random(2).randbytes(4096)
    path = Path(make_zip(tmp_path / "a.zip", {"IM": data_of(1, Rows=32, Columns=64, PixelData=noise)}))
    bench.run(path)
    happens(path)
    save(make_image(SOPInstanceUID=ROOT_UID + "1", InstanceNumber=header), tmp_path / "in" / "a")
    make_stack(tmp_path / "in", 3)
    report = bench.run(tmp_path / "in")
    assert (report.trouble, report.viewable) == ("", 4)
    assert sum(bench.shown().values()) == 4


def test_a_file_that_is_damaged_in_an_archive_takes_nothing_from_others(bench: Bench, tmp_path: Path) -> None:
    one = save(make_image(SOPInstanceUID=ROOT_UID + "1", PixelData=bytes(128)), tmp_path / "in" / "a")
    # Its checksum is wrong, which only shows when it is read to its end.
    put(tmp_path, write_zip(Item(b"IM", one.read_bytes(), central={"crc": 1, "method": 0})), "stored.zip")
    make_zip(tmp_path / "a.zip", {"IM": one.read_bytes()})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    at = data.index(b"PK\1\2")
    data[14:18] = data[at + 16 : at + 20] = b"\1\2\3\4"
    (tmp_path / "a.zip").write_bytes(data)
    bench.run(one)
    report = bench.run(tmp_path / "a.zip")
    assert report.trouble == ""
    assert counts(report) == {"not_dicom": 1, "rejected": 1}
    assert bench.shown() == {one.read_bytes(): 1}
    for name in ("a.zip", "stored.zip"):
        assert counts(bench.copy(tmp_path / name)) == {"not_dicom": 1, "rejected": 1}
    assert bench.faults() == ()


def test_a_bomb_is_told_and_stops_nothing(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make_stack(folder, 2)
    zeros = zipped({"big": bytes(1 << 24)})
    put(
        folder,
        write_zip(*(Item(b"a%d" % at, b"", packed=b"x", central={"size": 2 * 10**9, "method": 8}) for at in range(9))),
    )
    put(folder, zipped({f"{at}.zip": zeros for at in range(20)}), "b.zip")
    report = bench.run(folder)
    assert counts(report) == {"added": 2, "rejected": 1, "not_dicom": 41}
    assert "If you trust it, unpack it and open the folder." in told(report)["a.zip"][1]


# Passwords


class Asked:
    """Answers when a password is asked for, and knows what was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, archive: str, wrong: bool) -> str | None:
        self.asked.append((archive.rpartition("/")[2], wrong))
        return self.answers.pop(0)


def locked_archive(tmp_path: Path, name: str = "a.zip", **more: Any) -> Path:
    return Path(make_aes(tmp_path / name, {f"IM{at}": data_of(at) for at in (1, 2)}, RIGHT.encode(), **more))


def test_a_password_is_asked_for_until_it_is_right(bench: Bench, tmp_path: Path) -> None:
    asked = Asked("wrong", "", RIGHT)
    report = bench.run(locked_archive(tmp_path), ask_password=asked)
    assert counts(report) == {"added": 2, "not_dicom": 1}
    assert asked.asked == [("a.zip", False), ("a.zip", True), ("a.zip", True)]
    assert bench.shown() == {data_of(at): 1 for at in (1, 2)}
    assert bench.rows("SELECT count(*) FROM files WHERE reason LIKE ?", f"%{RIGHT}%") == [(0,)]


def test_who_has_no_password_is_told_so_and_may_have_it_later(bench: Bench, tmp_path: Path) -> None:
    path = locked_archive(tmp_path)
    for options in ({}, {"ask_password": Asked(None)}):
        report = bench.run(path, **options)
        assert counts(report) == {"not_dicom": 1, "rejected": 2}
        assert told(report)["IM1"][1].startswith("It lies in an archive that asks for a password.")
    assert counts(bench.copy(path, ask_password=Asked(RIGHT))) == {"added": 2, "not_dicom": 1}
    # Now it is known.
    assert counts(bench.run(path)) == {"unchanged": 2, "not_dicom": 1}


def test_one_password_opens_all_archives_of_a_folder(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    locked_archive(tmp_path / "in", "a.zip")
    put(tmp_path / "in", write_zip(*(locked(Item(b"IM", data_of(3)), RIGHT.encode()) for _ in "a")), "b.zip")
    make_zip(tmp_path / "in" / "c.zip", {"in.zip": locked_archive(tmp_path, "aside").read_bytes(), "IM": data_of(5)})
    asked = Asked(RIGHT)
    report = bench.run(tmp_path / "in", ask_password=asked)
    assert asked.asked == [("a.zip", False)]
    assert counts(report) == {"added": 4, "duplicate": 2, "not_dicom": 4}


def test_a_password_that_is_refused_stops_the_import_and_each_file_met_is_told_of(bench: Bench, tmp_path: Path) -> None:
    def refuse(archive: str, wrong: bool) -> str:
        if wrong:
            raise InputError("The password is wrong.")
        return "wrong"

    make_stack(tmp_path / "in", 3)
    locked_archive(tmp_path / "in")
    report = bench.run(tmp_path / "in", ask_password=refuse)
    assert report.trouble == "The password is wrong."
    assert report.counts[Outcome.ADDED] == sum(bench.shown().values()) == 3
    assert report.counts[Outcome.NOT_DICOM] == 1
    assert counts(bench.run(tmp_path / "in", ask_password=Asked(RIGHT))) == {"added": 2, "unchanged": 3, "not_dicom": 1}


def test_a_locked_archive_hinders_no_other_file(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = locked_archive(tmp_path)
    bench.run(path, ask_password=Asked(RIGHT))
    # As after a new start: the password is not known any more.
    monkeypatch.setattr(keyring, "_keys", {})
    other = save(make_image(SOPInstanceUID=ROOT_UID + "1", InstanceNumber=9), tmp_path / "other")
    report = bench.run(other)
    assert (report.viewable, report.trouble) == (1, "")
    assert counts(bench.run(path)) == {"not_dicom": 1, "rejected": 2}
    assert bench.instances() == 3, "what is known of it stays"


def _die(refs: tuple[Any, ...], order: reading.Order) -> list[Any]:
    if len(refs) > 1 and any("\0" in ref.path for ref in refs):
        os._exit(1)
    reading.remember_passwords(order.passwords)
    return [reading.read(ref, order) for ref in refs]


def test_passwords_are_known_to_workers_that_take_the_place_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "_keys", {})
    monkeypatch.setattr(reading, "_read_batch", _die)
    pool = ReaderPool(1)
    bench = Bench(tmp_path / "base", pool)
    try:
        report = bench.run(locked_archive(tmp_path), ask_password=Asked(RIGHT))
        assert counts(report) == {"added": 2, "not_dicom": 1}
    finally:
        bench.close()
        pool.close()


# DICOMDIRs


def reason_of(report: ImportReport, name: str = "DICOMDIR") -> str:
    return told(report)[name][1]


def test_both_directions_are_compared(bench: Bench, tmp_path: Path) -> None:
    files = make_stack(tmp_path / "in", 4)
    (tmp_path / "in" / "DICOMDIR").write_bytes(listing("IM0000", "IM0001", "GONE", "..\\OUT", "im0001"))
    for outcome in ("added", "unchanged"):
        report = bench.run(tmp_path / "in")
        assert counts(report) == {outcome: 4, "not_dicom": 1, "rejected": 2}
        assert reason_of(report) == (
            "It is a DICOMDIR, a table of contents. It lists 4 files. 1 of them is not there: GONE. "
            "1 of them would lead out of the medium: ../OUT. "
            "2 DICOM files are here that it does not list: IM0002, IM0003."
        )
    assert set(bench.shown()) == {path.read_bytes() for path in files}


@pytest.mark.parametrize("keep", ["run", "copy"])
def test_what_a_dicomdir_lists_is_read_when_it_alone_is_named(keep: str, bench: Bench, tmp_path: Path) -> None:
    make_stack(tmp_path / "in" / "D" / "E", 2)
    path = tmp_path / "in" / "DICOMDIR"
    path.write_bytes(listing("D\\E\\IM0000", "d\\e\\im0001"))
    report = getattr(bench, keep)(path)
    assert counts(report) == {"added": 2, "not_dicom": 1}
    assert reason_of(report).endswith("It lists 2 files. None is missing.")


def test_nothing_outside_the_medium_is_touched(bench: Bench, tmp_path: Path) -> None:
    outside = save(make_image(), tmp_path / "outside" / "IM")
    disc = tmp_path / "disc"
    disc.mkdir()
    (disc / "link").symlink_to(outside)
    (disc / "folder").symlink_to(outside.parent)
    names = ["..\\outside\\IM", str(outside).replace("/", "\\"), "folder\\IM", "link", "\\", "a\\..\\..\\outside\\IM"]
    (disc / "DICOMDIR").write_bytes(listing(*names))
    report = bench.run(disc / "DICOMDIR")
    assert report.viewable == 0
    assert report.found == 1 + len(names)
    assert bench.instances() == 0


def test_a_dicomdir_says_nothing_of_files_that_others_met(bench: Bench, tmp_path: Path) -> None:
    # What it lists in vain may have the path of a file that is known.
    twin = save(make_image(), tmp_path / "twin")
    (tmp_path / "twin2").write_bytes(twin.read_bytes())
    bench.run(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "DICOMDIR").write_bytes(listing("..\\twin", "..\\twin2"))
    assert counts(bench.run(tmp_path / "in")) == {"not_dicom": 1, "rejected": 2}
    assert sum(bench.shown().values()) == 1
    assert counts(bench.run(twin, tmp_path / "twin2")) == {"unchanged": 1, "duplicate": 1}


def test_dicomdirs_are_compared_in_archives_too(bench: Bench, tmp_path: Path) -> None:
    files = {
        "CD/DICOMDIR": listing("IM\\1", "im\\2", "GONE", "..\\3"),
        "CD/IM/1": data_of(1),
        "CD/IM/2": data_of(2),
        "3": data_of(3),
        "CD/4": data_of(4),
    }
    make_zip(tmp_path / "a.zip", files)
    report = bench.run(tmp_path / "a.zip")
    assert counts(report) == {"added": 4, "not_dicom": 2, "rejected": 2}
    assert reason_of(report).endswith(
        "It lists 4 files. 2 of them are not there: GONE, ../3. 1 DICOM file is here that it does not list: 4."
    )


def test_a_file_that_a_link_leads_to_as_well_is_shown_once(bench: Bench, tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    make_stack(disc / "A", 2)
    (disc / "Z").symlink_to("A", target_is_directory=True)
    (disc / "DICOMDIR").write_bytes(listing("Z\\IM0000", "Z\\IM0001"))
    assert bench.run(disc).viewable >= 2
    assert bench.instances() == sum(bench.shown().values()) == 2


def test_a_damaged_dicomdir_says_so_and_the_rest_is_read(bench: Bench, tmp_path: Path) -> None:
    make_stack(tmp_path / "in", 3)
    data = listing(*(f"IM000{at}" for at in range(3)))
    (tmp_path / "in" / "DICOMDIR").write_bytes(data[: len(data) * 2 // 3])
    report = bench.run(tmp_path / "in")
    assert report.counts[Outcome.ADDED] == 3
    assert "cut short" in reason_of(report)


def test_many_dicomdirs_list_one_another(bench: Bench, tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    make_stack(disc / "A", 2)
    for folder, names in {disc: ["DICOMDIR", "A\\DICOMDIR", "A\\IM0000"], disc / "A": ["DICOMDIR", "IM0000"]}.items():
        (folder / "DICOMDIR").write_bytes(listing(*names))
    report = bench.run(disc)
    assert counts(report) == {"added": 2, "not_dicom": 2}
