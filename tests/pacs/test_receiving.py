"""From the network into the library: what came is there once, is announced once, and nothing is lost."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ROOT_UID
from pacs.peers import AET, SECONDS, Peer, associate, dcmtk, encoded, open_peer, store, wait_for
from unit.bench import Bench, make_many, small_disk
from unit.helpers import files_below

from desktop.errors import InputError
from desktop.events import CallRefused, Event, LibraryChanged, ObjectsRefused, StudyReceived
from desktop.importers.reading import ReaderPool
from desktop.library.outcomes import FileOutcome, Outcome
from desktop.services import inbox as inbox_module
from desktop.services.arrivals import Arrivals
from desktop.services.inbox import Inbox
from desktop.services.receiving import Receiving
from desktop.settings import Settings

SETTINGS = Settings(listen_port=0, listen_aet=AET)


def outcome(study: str, kind: Outcome = Outcome.ADDED, reason: str = "") -> FileOutcome:
    return FileOutcome("/inbox/x", kind, reason, study)


# When a study is all here


def test_a_study_is_announced_when_nothing_came_for_a_while() -> None:
    arrivals = Arrivals(quiet=5)
    assert arrivals.is_empty
    numbers = [arrivals.note_come(aet, now) for now, aet in ((0.0, "A"), (1.0, "B"), (2.0, "A"))]
    for number, kind in zip(numbers, (Outcome.ADDED, Outcome.DUPLICATE, Outcome.CONFLICT), strict=True):
        arrivals.note_outcome(number, outcome("1", kind))
    assert arrivals.take_due(6.9) == []
    assert arrivals.take_due(7.0) == [StudyReceived("1", ("A", "B"), 3, duplicates=1, conflicts=1)]
    assert arrivals.take_due(99) == []
    assert arrivals.is_empty


def test_what_waits_may_belong_to_it() -> None:
    arrivals = Arrivals(quiet=5)
    first, second = arrivals.note_come("A", 0.0), arrivals.note_come("A", 4.0)
    arrivals.note_outcome(first, outcome("1"))
    assert arrivals.take_due(100) == []
    arrivals.note_outcome(second, outcome("1"))
    assert arrivals.take_due(100) == [StudyReceived("1", ("A",), 2)]


def test_a_study_that_still_comes_holds_no_other_back() -> None:
    arrivals = Arrivals(quiet=5)
    arrivals.note_outcome(arrivals.note_come("A", 0.0), outcome("1"))
    for now in range(1, 8):
        arrivals.note_outcome(arrivals.note_come("B", now), outcome("2"))
    arrivals.note_come("B", 7.5)
    assert arrivals.take_due(7.5) == [StudyReceived("1", ("A",), 1)]
    assert arrivals.take_all() == [StudyReceived("2", ("B",), 7)]


def test_what_is_refused_is_announced_too() -> None:
    arrivals = Arrivals(quiet=5)
    for now, kind, reason in (
        (0, Outcome.REJECTED, "It is cut."),
        (1, Outcome.NOT_DICOM, "No."),
        (1, Outcome.NOT_DICOM, "No."),
    ):
        arrivals.note_outcome(arrivals.note_come("A", now), outcome("1", kind, reason))
    assert arrivals.take_due(6) == [ObjectsRefused(("A",), 3, ("It is cut.", "No."))]


def test_what_is_lost_after_all_is_not_waited_for() -> None:
    arrivals = Arrivals(quiet=5)
    arrivals.note_outcome(arrivals.note_come("A", 0), outcome("1"))
    arrivals.note_lost(arrivals.note_come("A", 1))
    assert arrivals.waiting == 0
    assert len(arrivals.take_due(5)) == 1


# With a real library


class Receiver:
    """A library that receives, and what it announced."""

    def __init__(self, folder: Path, pool: ReaderPool) -> None:
        self.bench = Bench(folder / "base", pool)
        self.inbox = Inbox(folder / "inbox", self.bench.importing)
        self.events: list[Event] = []
        self.bench.events.subscribe(self._note)
        self.receiving = Receiving(self.inbox, self.bench.events, Arrivals(quiet=0.3))
        self.port = self.receiving.listen(SETTINGS)

    def _note(self, event: Event) -> None:
        if not isinstance(event, LibraryChanged):
            self.events.append(event)

    def close(self) -> None:
        self.receiving.close()
        self.receiving.close()
        self.inbox.close()
        self.bench.close()


@pytest.fixture
def receiver(tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(inbox_module, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(inbox_module, "_TROUBLE_SECONDS", 0.05)
    made = Receiver(tmp_path, pool)
    yield made
    made.close()


def test_a_study_is_received_and_the_same_again_is_a_duplicate(receiver: Receiver, tmp_path: Path) -> None:
    files = make_many(tmp_path / "in", 40)
    receiver.inbox.watch()
    words = ("-aec", AET, "-R", "127.0.0.1", receiver.port, *files)
    dcmtk("storescu", "-aet", "CT", *words)
    wait_for(lambda: receiver.events)
    assert receiver.events == [StudyReceived(f"{ROOT_UID}1", ("CT",), 40)]
    assert receiver.bench.instances() == len(receiver.bench.shown()) == 40
    assert files_below(tmp_path / "inbox") == []
    # Also from another one.
    dcmtk("storescu", "-aet", "ARCHIVE", *words)
    wait_for(lambda: len(receiver.events) == 2)
    assert receiver.events[1] == StudyReceived(f"{ROOT_UID}1", ("ARCHIVE",), 40, duplicates=40)
    assert receiver.bench.instances() == 40
    assert len(files_below(receiver.bench.copies)) == 40
    assert receiver.bench.faults() == ()


def test_what_the_library_cannot_take_is_kept(receiver: Receiver) -> None:
    receiver.inbox.watch()
    data = encoded()
    with open_peer(receiver.port) as peer:
        # Cut short, nothing at all, no DICOM, and one that is whole.
        for number, one in enumerate((data[:200], b"", b"nonsense" * 50, data)):
            assert peer.send(store(one, f"1.2.{number}")).status() == 0
    wait_for(lambda: len(receiver.events) == 2)
    refused = next(event for event in receiver.events if isinstance(event, ObjectsRefused))
    assert (refused.senders, refused.count) == (("PEER",), 3)
    assert all(reason.endswith(".") for reason in refused.reasons)
    assert receiver.bench.instances() == 1
    kept = [path.read_bytes() for path in files_below(receiver.inbox.refused)]
    assert len(kept) == 3
    assert any(one.endswith(data[:200]) for one in kept)


def test_who_was_not_let_in_is_announced(receiver: Receiver) -> None:
    with Peer(receiver.port) as peer:
        assert peer.send(associate("OTHER")).read()[0] == 3
    wait_for(lambda: receiver.events)
    assert receiver.events == [CallRefused("PEER", "127.0.0.1", "It calls us by another AE title than ours.")]


def test_all_is_announced_at_the_end(receiver: Receiver) -> None:
    with open_peer(receiver.port) as peer:
        assert peer.send(store(encoded())).status() == 0
    job = receiver.inbox.take()
    assert job is not None
    job.wait()
    receiver.receiving.finish(SECONDS)
    assert len(receiver.events) == 1
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", receiver.port), SECONDS)


def test_a_full_disk(tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "_RESERVE", 400_000)
    data = encoded(Rows=256, Columns=256)
    with small_disk(tmp_path / "disk", 3) as disk:
        receiver = Receiver(disk, pool)
        try:
            with open_peer(receiver.port) as peer:
                said = [peer.send(store(data, f"1.2.{number}", size=60_000)).status() for number in range(30)]
                came = said.count(0)
                assert 3 < came < 20
                assert said == [0] * came + [0xA700] * (30 - came)
                assert len(files_below(disk / "inbox")) == came
                # The last one may have been begun with some room, and not ended.
                monkeypatch.setattr(inbox_module, "_RESERVE", 0)
                filling = disk / "filling"
                filling.write_bytes(bytes(max(os.statvfs(disk).f_bavail - 10, 0) * 4096))
                assert peer.send(store(data, "1.2.99", size=60_000)).status() == 0xA700
                assert len(files_below(disk / "inbox")) == came
                filling.unlink()
                assert peer.send(store(data, "1.2.99", size=60_000)).status() == 0
            assert not list(disk.rglob("inbox/*.part"))
        finally:
            receiver.close()


def test_what_cannot_be_listened_with_is_told(receiver: Receiver, tmp_path: Path) -> None:
    other = Receiving(receiver.inbox, receiver.bench.events)
    for settings in (
        replace(SETTINGS, listen_port=receiver.port),
        replace(SETTINGS, listen_certificate=str(tmp_path / "nothing.pem")),
        replace(SETTINGS, listen_address="192.0.2.1", listen_callers=("A",)),
    ):
        with pytest.raises(InputError, match="cannot be"):
            other.listen(settings)
    other.close()


def test_a_file_with_another_name_is_copied(receiver: Receiver, tmp_path: Path) -> None:
    (path,) = make_many(tmp_path / "in", 1)
    (tmp_path / "inbox").mkdir(exist_ok=True)
    (tmp_path / "inbox" / "theirs.dcm").hardlink_to(path)
    job = receiver.inbox.take()
    assert job is not None
    assert job.wait().viewable == 1
    before = path.read_bytes()
    path.write_bytes(b"changed by its owner")
    assert list(receiver.bench.shown()) == [before]
