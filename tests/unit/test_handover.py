"""Two programs on one library, as threads and as processes."""

import errno
import json
import multiprocessing
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop import handover
from desktop.errors import InputError
from desktop.handover import Answering, Listener, OwnerEnded, Ownership, Request, hand_over, take_ownership

SECONDS = 30
posix = pytest.mark.skipif(sys.platform == "win32", reason="sockets and modes are POSIX's")
root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may become another user")

OWNER = """
import sys, time
from pathlib import Path
from desktop.handover import Listener, take_ownership

def handle(request, answer):
    if request.command == "hang":
        answer.progress({"hanging": True})
        time.sleep(60)
    answer.finish({"paths": request.paths})

ownership = take_ownership(Path(sys.argv[1]))
listener = Listener(ownership, handle)
print("ready", flush=True)
time.sleep(60)
"""

ASKER = """
import sys
from pathlib import Path
from desktop.handover import Request, hand_over
show = lambda state: print("ready", flush=True)
print(hand_over(Path(sys.argv[1]), Request("x", tuple(sys.argv[2:])), show))
"""


def handing_over() -> set[threading.Thread]:
    """Return the threads that listen and answer; those of other tests' servers may be among them."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("handover")}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock of a library."""
    return tmp_path / "library.lock"


@pytest.fixture
def ownership(lock: Path) -> Iterator[Ownership]:
    with own(lock) as taken:
        yield taken


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for as long as users are."""
    monkeypatch.setattr(handover, "_PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(handover, "GREETING_SECONDS", 0.4)


@contextmanager
def own(lock: Path) -> Iterator[Ownership]:
    taken = take_ownership(lock)
    assert taken is not None
    with taken:
        yield taken


@contextmanager
def running(code: str, *words: str | Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Python code in a process; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[bytes]") -> str:
    """Return the next line that the process prints."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.readline().decode().strip()
    return said or pytest.fail(process.stderr.read().decode())


def wait_until(check: Callable[[], object], seconds: float = SECONDS) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.01)
    return False


def echo(request: Request, answer: Answering) -> None:
    answer.finish(request.to_json())


def address_of(lock: Path) -> str:
    return str(json.loads(lock.with_suffix(".address").read_bytes())["address"])


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).lstat().st_mode)


def admitted(lock: Path) -> Any:
    """Return a connection whose asker has proved itself, but has not asked yet."""
    return handover._connect(lock.with_suffix(".address"), time.monotonic() + SECONDS)


def ask(lock: Path, command: str = "x") -> dict[str, Any]:
    return hand_over(lock, Request(command), timeout=SECONDS)


# Ownership


def test_one_process_owns_a_library_until_it_is_killed_and_the_next_one_listens(lock: Path) -> None:
    with running(OWNER, lock) as first:
        assert line(first) == "ready"
        old = address_of(lock)
        assert take_ownership(lock) is None
        assert ask(lock) == {"paths": []}
        first.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        first.wait(SECONDS)
        if sys.platform != "win32":
            assert Path(old).is_socket()
        with running(OWNER, lock) as second:
            assert line(second) == "ready"
            assert take_ownership(lock) is None
            assert ask(lock) == {"paths": []}
            assert address_of(lock) != old
            assert not Path(old).parent.exists()


def test_ownership_is_had_once_and_given_up_once(lock: Path) -> None:
    with own(lock) as taken:
        assert take_ownership(lock) is None
    taken.close()
    with own(lock):
        taken.close()
        assert take_ownership(lock) is None
    assert lock.is_file()


@posix
def test_processes_that_the_owner_started_do_not_keep_the_library(lock: Path) -> None:
    code = """
import multiprocessing, subprocess, sys, time
from pathlib import Path
from desktop.handover import Listener, take_ownership
ownership = take_ownership(Path(sys.argv[1]))
listener = Listener(ownership, print)
worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
worker.start()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
print(worker.pid, other.pid, flush=True)
time.sleep(60)
"""
    with running(code, lock) as owner:
        children = [int(word) for word in line(owner).split()]
        try:
            owner.kill()
            owner.wait(SECONDS)
            with own(lock):
                assert len(children) == 2
                for child in children:
                    os.kill(child, 0)
        finally:
            for child in children:
                os.kill(child, signal.SIGTERM)


@posix
def test_ownership_that_is_given_up_does_not_stay_with_a_forked_child(lock: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
from desktop.handover import take_ownership
ownership = take_ownership(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    time.sleep(60)
else:
    ownership.close()
    print(child, flush=True)
    time.sleep(60)
"""
    with running(code, lock) as owner:
        child = int(line(owner))
        try:
            with own(lock):
                os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


@posix
def test_a_disk_without_locks_is_told(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):

        def refuse(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("fcntl.flock", refuse)
        with pytest.raises(InputError, match=r"knows no locks .* Choose a folder elsewhere with --base-dir"):
            take_ownership(lock)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be opened"):
        take_ownership(tmp_path / "file" / "library.lock")


# Requests


@given(
    path=st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name),
    options=st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.booleans(), max_size=3),
)
def test_requests_come_through_json(path: bytes, options: dict[str, str | int | bool]) -> None:
    text = path.decode("utf-8", "surrogateescape")
    request = Request("import", (text,), options)
    read = Request.from_json(handover._unpack(handover._pack(request.to_json())))
    assert read == request
    assert read.paths[0].encode("utf-8", "surrogateescape") == path


GOOD: dict[str, Any] = {"command": "import", "paths": ["/a"], "options": {"study": "1.2", "port": 1, "json": True}}


def test_unknown_keys_of_a_request_are_ignored() -> None:
    assert Request.from_json(GOOD | {"newer": [1]}) == Request("import", ("/a",), GOOD["options"])


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {key: value for key, value in GOOD.items() if key != "options"},
        GOOD | {"command": 1},
        GOOD | {"paths": "/a"},
        GOOD | {"paths": ["/a", None]},
        GOOD | {"paths": [["/a"]]},
        GOOD | {"options": []},
        GOOD | {"options": {"x": None}},
        GOOD | {"options": {"x": 1.5}},
        GOOD | {"options": {"x": {}}},
    ],
    ids=repr,
)
def test_requests_of_wrong_types_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="did not understand"):
        Request.from_json(value)


# Answers


def test_the_answers_come_in_order_and_paths_as_they_are(ownership: Ownership, lock: Path) -> None:
    request = Request("import", ("/caf\u00e9", os.fsdecode(b"/\xff\xfe"), "/\udcff"), {"n": 1})
    states: list[dict[str, Any]] = []

    def handle(asked: Request, answer: Answering) -> None:
        for number in range(3):
            answer.progress({"done": number})
        answer.finish(asked.to_json())

    with Listener(ownership, handle):
        assert hand_over(lock, request, states.append) == request.to_json()
        assert hand_over(lock, request) == request.to_json()
    assert states == [{"done": 0}, {"done": 1}, {"done": 2}]


def _refuse(_request: Request, _answer: Answering) -> None:
    raise InputError("The disk is full. Make room.")


@posix
def test_what_comes_after_the_last_answer_is_dropped(ownership: Ownership, lock: Path) -> None:
    def handle(_request: Request, answer: Answering) -> None:
        answer.finish({"first": 1})
        answer.progress({"too": "late"})
        answer.finish({})
        raise InputError("too late")

    with Listener(ownership, handle):
        peer = admitted(lock)
        peer.send(handover._pack(GOOD))
        assert json.loads(peer.receive(2**20, None)) == {"final": {"first": 1}}
        with pytest.raises(EOFError):
            peer.receive(2**20, time.monotonic() + SECONDS)
        peer.close()


PATIENT = "/home/Doe^Jane"


def _break(_request: Request, _answer: Answering) -> None:
    raise OSError(PATIENT)


def _say_nothing(_request: Request, _answer: Answering) -> None:
    pass


def _say_too_much(_request: Request, answer: Answering) -> None:
    answer.finish({"x": "x" * handover.MESSAGE_LIMIT})


def _say_no_json(_request: Request, answer: Answering) -> None:
    answer.finish({"x": object()})


@pytest.mark.parametrize(
    ("handle", "sentence", "logged"),
    [
        (_refuse, "The disk is full. Make room.", ""),
        (_break, "Negatoscope failed at this", "OSError"),
        (_say_nothing, "Negatoscope failed at this", "without an answer"),
        (_say_too_much, "Negatoscope failed at this", "ValueError"),
        (_say_no_json, "Negatoscope failed at this", "TypeError"),
    ],
)
def test_why_there_is_no_result_is_told(
    handle: handover.Handle,
    sentence: str,
    logged: str,
    ownership: Ownership,
    lock: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Listener(ownership, handle), pytest.raises(InputError, match=sentence):
        ask(lock)
    errors = "\n".join(record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert logged in errors
    assert bool(logged) == bool(errors)
    assert "Jane" not in caplog.text


def test_too_many_files_are_told_before_anybody_is_asked(lock: Path) -> None:
    with pytest.raises(InputError, match="too many files"):
        hand_over(lock, Request("import", ("/" * handover.MESSAGE_LIMIT,)))


def test_large_requests_and_answers_come_through(ownership: Ownership, lock: Path) -> None:
    request = Request("import", ("/" * (handover.MESSAGE_LIMIT - 1000),))
    with Listener(ownership, echo):
        assert hand_over(lock, request) == request.to_json()


def test_what_goes_wrong_while_progress_is_shown_is_no_fault_of_the_owner(ownership: Ownership, lock: Path) -> None:
    def show(_state: dict[str, Any]) -> None:
        raise BrokenPipeError

    gone = threading.Event()
    with Listener(ownership, until_gone(gone)):
        with pytest.raises(BrokenPipeError):
            hand_over(lock, Request("x"), show)
        assert gone.wait(SECONDS)


def test_twenty_ask_at_once_and_eight_are_served_at_once(ownership: Ownership, lock: Path) -> None:
    counting = threading.Lock()
    now, most = 0, 0

    def handle(request: Request, answer: Answering) -> None:
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
        # They come as they start; the first ones wait for more, and for one too many.
        wait_until(lambda: most >= handover.CONNECTIONS, 10)
        wait_until(lambda: most > handover.CONNECTIONS, 0.4)
        with counting:
            now -= 1
        answer.finish({"paths": request.paths})

    with Listener(ownership, handle), ExitStack() as stack:
        askers = [stack.enter_context(running(ASKER, lock, str(number))) for number in range(20)]
        assert [line(asker) for asker in askers] == [str({"paths": [str(number)]}) for number in range(20)]
    assert most == handover.CONNECTIONS


# Ends


def until_gone(gone: threading.Event) -> handover.Handle:
    def handle(_request: Request, answer: Answering) -> None:
        answer.progress({})
        if wait_until(lambda: answer.gone):
            gone.set()
        answer.finish({})

    return handle


def test_an_asker_that_is_killed_is_noticed(ownership: Ownership, lock: Path) -> None:
    gone = threading.Event()
    with Listener(ownership, until_gone(gone)), running(ASKER, lock) as asker:
        assert line(asker) == "ready"
        assert not gone.wait(0.3)
        asker.kill()
        asker.wait(SECONDS)
        assert gone.wait(SECONDS)


def test_an_owner_that_is_killed_is_told(lock: Path) -> None:
    with running(OWNER, lock) as owner:
        assert line(owner) == "ready"
        with pytest.raises(InputError, match="ended before it had answered"):
            hand_over(lock, Request("hang"), lambda _state: owner.kill())


@posix
def test_closing_ends_all_threads_and_leaves_no_socket(ownership: Ownership, lock: Path) -> None:
    before = handing_over()
    gone = threading.Event()
    listener = Listener(ownership, until_gone(gone))
    told: list[str] = []
    working = threading.Event()

    def wait_for_it() -> None:
        try:
            hand_over(lock, Request("x"), lambda _state: working.set())
        except InputError as error:
            told.append(error.sentence)

    asker = threading.Thread(target=wait_for_it)
    asker.start()
    assert working.wait(SECONDS)
    place = Path(address_of(lock))
    started = time.monotonic()
    # A silent one, one that has proved itself, and one that works.
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(place))
        proved = admitted(lock)
        listener.close()
        proved.close()
    assert time.monotonic() - started < 2
    assert handing_over() <= before
    asker.join(SECONDS)
    assert gone.is_set()
    assert told == ["Negatoscope ended before it had answered. Try again."]
    assert not place.parent.exists()
    assert list(lock.parent.iterdir()) == [lock]
    listener.close()


@posix
def test_who_does_not_read_keeps_nobody_from_closing(ownership: Ownership, lock: Path) -> None:
    sending = threading.Event()
    ended = threading.Event()

    def handle(_request: Request, answer: Answering) -> None:
        while not answer.gone:
            sending.set()
            answer.progress({"x": "x" * 2**20})
        ended.set()

    listener = Listener(ownership, handle)
    peer = admitted(lock)
    peer.send(handover._pack(Request("x").to_json()))
    assert sending.wait(SECONDS)
    time.sleep(0.2)
    assert not ended.is_set()
    started = time.monotonic()
    listener.close()
    assert time.monotonic() - started < 2
    assert ended.is_set()
    peer.close()


@posix
def test_who_does_not_read_counts_as_gone(ownership: Ownership, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_SEND_SECONDS", 0.2)
    gone = threading.Event()

    def handle(_request: Request, answer: Answering) -> None:
        answer.progress({"x": "x" * 2**22})
        if answer.gone:
            gone.set()

    with Listener(ownership, handle):
        peer = admitted(lock)
        peer.send(handover._pack(Request("x").to_json()))
        assert gone.wait(SECONDS)
        peer.close()


def test_work_that_does_not_end_is_logged(
    ownership: Ownership, lock: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = handing_over()
    monkeypatch.setattr(handover, "_STOP_SECONDS", 0.2)
    working, end = threading.Event(), threading.Event()

    def handle(_request: Request, _answer: Answering) -> None:
        working.set()
        end.wait(SECONDS)

    listener = Listener(ownership, handle)
    peer = admitted(lock)
    peer.send(handover._pack(Request("x").to_json()))
    assert working.wait(SECONDS)
    listener.close()
    assert "did not end within" in caplog.text
    end.set()
    peer.close()
    assert wait_until(lambda: handing_over() <= before)


# Askers that are none


def raw(lock: Path) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(SECONDS)
    peer.connect(address_of(lock))
    return peer


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def hung_up(peer: socket.socket) -> bool:
    """Wait until the other end hangs up, whatever it still says."""
    with suppress(ConnectionError):
        while peer.recv(2**16):
            pass
    return True


@posix
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        (100 * 2**20).to_bytes(4, "big") + b"x" * 2**16,
        b"\xff\xff\xff\xff",
        framed(b""),
        framed(b"\xff\xfe\xfd"),
        framed(b"[]"),
        framed(b"null"),
        framed(b"[" * 4096),
        framed(b'{"version": 1}'),
        framed(b'{"version": 1, "nonce": 7}'),
        framed(b'{"version": 1, "nonce": "\\ud800"}'),
        framed(pickle.dumps({"version": 1, "nonce": "x"})),
        framed(b'{"version": 1, "nonce": "x"}') + framed(b'{"proof": "x"}') + framed(json.dumps(GOOD).encode()),
        framed(b'{"version": 1, "nonce": "x"}') + framed(b'{"proof": "\\udcff"}'),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_garbage_is_hung_up_on_and_others_are_served(data: bytes, ownership: Ownership, lock: Path) -> None:
    commands: list[str] = []

    def handle(request: Request, answer: Answering) -> None:
        commands.append(request.command)
        answer.finish({})

    with Listener(ownership, handle):
        with raw(lock) as peer:
            started = time.monotonic()
            with suppress(ConnectionError):
                peer.sendall(data)
            assert hung_up(peer)
            assert time.monotonic() - started < 4, "only the limit of time ended it"
        ask(lock, "good")
    assert commands == ["good"]


@posix
@pytest.mark.parametrize(
    "data",
    [
        (100 * 2**20).to_bytes(4, "big") + b"x" * 2**16,
        framed(b"[" * 10**6),
        framed(b'{"a":' * 10**6),
        framed(b"7"),
        framed(b"1" * 10_000),
    ],
    ids=lambda data: repr(data[:10]),
)
def test_limits_hold_for_askers_that_proved_themselves(data: bytes, ownership: Ownership, lock: Path) -> None:
    with Listener(ownership, echo):
        peer = admitted(lock)
        with suppress(ConnectionError):
            peer._peer.sendall(data)
        assert hung_up(peer._peer)
        peer.close()
        assert ask(lock) == Request("x").to_json()


@posix
def test_a_request_of_another_shape_is_answered_with_a_sentence(ownership: Ownership, lock: Path) -> None:
    with Listener(ownership, echo):
        peer = admitted(lock)
        peer.send(handover._pack({"command": 1}))
        answer = json.loads(peer.receive(2**20, time.monotonic() + SECONDS))
        peer.close()
    assert list(answer) == ["error"]
    assert "did not understand" in answer["error"]


@posix
@pytest.mark.usefixtures("impatient")
def test_silent_and_slow_peers_are_hung_up_on_and_block_nobody(
    ownership: Ownership, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_PATIENCE_SECONDS", SECONDS)
    with Listener(ownership, echo), ExitStack() as stack:
        silent = [stack.enter_context(raw(lock)) for _ in range(2 * handover.CONNECTIONS)]
        slow = stack.enter_context(raw(lock))
        slow.sendall((1000).to_bytes(4, "big"))
        started = time.monotonic()
        assert ask(lock) == Request("x").to_json()
        assert time.monotonic() - started < 5
        # Bytes that trickle in do not make the time longer.
        with suppress(ConnectionError):
            while time.monotonic() - started < SECONDS:
                slow.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - started < 5
        assert all(map(hung_up, silent))


# Owners that are none


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "address",
    [None, b"", b"{", b"[]", b"\xff", b'{"address": "/nowhere", "key": "00"}', b'{"address": 1, "key": "00"}'],
)
def test_an_owner_that_does_not_listen_is_told(address: bytes | None, ownership: Ownership, lock: Path) -> None:
    if address is not None:
        lock.with_suffix(".address").write_bytes(address)
    with pytest.raises(InputError, match=r"running with this library, but does not answer\. End it and try again"):
        hand_over(lock, Request("x"))


@posix
@pytest.mark.usefixtures("impatient", "ownership")
def test_an_owner_that_hangs_is_told(lock: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(lock.parent / "s"))
        hanging.listen()
        handover._write_address(lock.with_suffix(".address"), str(lock.parent / "s"), b"key")
        with pytest.raises(InputError, match="does not answer"):
            hand_over(lock, Request("x"))


@pytest.mark.usefixtures("impatient")
def test_ends_that_know_different_keys_do_not_talk(ownership: Ownership, lock: Path) -> None:
    asked: list[Request] = []
    with Listener(ownership, lambda request, _: asked.append(request)):
        handover._write_address(lock.with_suffix(".address"), address_of(lock), b"another")
        with pytest.raises(InputError, match="does not answer"):
            hand_over(lock, Request("x"))
    assert asked == []


def test_an_owner_that_is_late_is_waited_for(ownership: Ownership, lock: Path) -> None:
    answers: list[dict[str, Any]] = []
    asker = threading.Thread(target=lambda: answers.append(ask(lock)))
    asker.start()
    time.sleep(0.2)
    with Listener(ownership, echo):
        asker.join(SECONDS)
    assert answers == [Request("x").to_json()]


def test_an_owner_that_has_ended_is_told_at_once(lock: Path) -> None:
    started = time.monotonic()
    with pytest.raises(OwnerEnded):
        hand_over(lock, Request("x"))
    assert time.monotonic() - started < 5
    with own(lock):
        pass


def test_work_that_takes_longer_than_the_asker_waits_is_told(ownership: Ownership, lock: Path) -> None:
    gone = threading.Event()
    with Listener(ownership, until_gone(gone)):
        with pytest.raises(InputError, match="does not answer"):
            hand_over(lock, Request("x"), timeout=0.5)
        assert gone.wait(SECONDS)


def test_programs_of_two_versions_say_so(ownership: Ownership, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = ASKER.replace("show =", "import desktop.handover\ndesktop.handover.VERSION += 1\nshow =")
    with Listener(ownership, echo), running(newer, lock) as asker:
        _, said = asker.communicate(timeout=SECONDS)
    assert b"Another version of Negatoscope is running with this library" in said
    assert b"OwnerEnded" not in said


# Places and users


@posix
def test_only_this_user_can_read_and_enter(ownership: Ownership, lock: Path) -> None:
    before = os.umask(0)
    try:
        with Listener(ownership, echo):
            place = Path(address_of(lock))
            assert place.parent.parent == lock.parent
            assert mode(place.parent) == 0o700
            assert mode(lock.with_suffix(".address")) == 0o600
            with own(lock.parent / "new" / "library.lock"):
                assert mode(lock.parent / "new") == 0o700
                assert mode(lock.parent / "new" / "library.lock") == 0o600
            assert [path.name for path in lock.parent.glob("*.part")] == []
    finally:
        os.umask(before)


@posix
@pytest.mark.parametrize("runtime", [True, False])
def test_a_socket_is_elsewhere_if_the_folders_name_is_too_long(
    runtime: bool, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Short, as those of the system are.
    short, other = tmp_path_factory.mktemp("r"), tmp_path_factory.mktemp("t")
    if runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(other / "missing"))
        monkeypatch.setattr(tempfile, "tempdir", str(short))
    lock = tmp_path_factory.mktemp("d") / ("x" * 200) / "library.lock"
    with own(lock) as ownership, Listener(ownership, echo):
        place = Path(address_of(lock))
        assert place.parent.parent == short
        assert mode(place.parent) == 0o700
        assert ask(lock) == Request("x").to_json()
    assert list(short.iterdir()) == []
    assert list(lock.parent.iterdir()) == [lock]


@posix
def test_a_folder_that_others_can_enter_is_refused(
    ownership: Ownership, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, open_to_others = tempfile.mkdtemp, [lock.parent]

    def make_folder(**settings: Any) -> str:
        folder = make(**settings)
        if Path(settings["dir"]) in open_to_others:
            Path(folder).chmod(0o711)
        return folder

    short = tmp_path / "t"
    short.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "mkdtemp", make_folder)
    with Listener(ownership, echo):
        assert Path(address_of(lock)).parent.parent == short
    open_to_others.append(short)
    with pytest.raises(InputError, match=r"No folder can hold a socket .* TMPDIR"):
        Listener(ownership, echo)
    assert sorted(lock.parent.iterdir()) == [lock, short]
    assert list(short.iterdir()) == []


@posix
def test_only_sockets_in_folders_of_the_program_are_cleared_away(ownership: Ownership, lock: Path) -> None:
    for name, is_socket in (("mine", True), ("negatoscope-x", False)):
        kept = lock.parent / name / "s"
        kept.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as other:
            if is_socket:
                other.bind(str(kept))
            else:
                kept.touch()
        handover._write_address(lock.with_suffix(".address"), str(kept), b"key")
        with Listener(ownership, echo):
            assert ask(lock) == Request("x").to_json()
        assert kept.exists()


NOBODY = """
import json, os, socket, sys
from pathlib import Path
import desktop.handover as handover
lock = Path(sys.argv[1])
address, key = handover._read_address(lock.with_suffix(".address"))
os.chdir(Path(address).parent)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect("s")
    handover._greet(handover._SocketChannel(peer), key, handover.time.monotonic() + 20)
    print("admitted")
except (OSError, EOFError) as error:
    print(type(error).__name__)
peer.close()
"""


@root
@pytest.mark.parametrize(
    ("way", "ended"), [(0o700, ["PermissionError"]), (0o711, ["EOFError", "ConnectionResetError", "BrokenPipeError"])]
)
def test_another_user_gets_no_answer_even_with_the_key(
    way: int, ended: list[str], ownership: Ownership, lock: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Listener(ownership, echo):
        place = Path(address_of(lock))
        place.parent.chmod(way)
        place.chmod(0o666)
        with running(NOBODY, lock) as stranger:
            assert line(stranger) in ended
        assert ask(lock) == Request("x").to_json()
    assert ("another user was refused" in caplog.text) == (way != 0o700)


STRANGER = """
import os, socket, sys, time
from pathlib import Path
import desktop.handover as handover
lock = Path(sys.argv[1])
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(lock.parent / "s"))
handover._write_address(lock.with_suffix(".address"), str(lock.parent / "s"), b"key")
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
listener.listen()
print("ready", flush=True)
while True:
    peer, _ = listener.accept()
    try:
        handover._receive_request(handover._SocketChannel(peer), b"key")
        print("asked", flush=True)
    except EOFError:
        print("nothing", flush=True)
"""


@root
@pytest.mark.usefixtures("impatient", "ownership")
def test_another_users_owner_is_not_asked(lock: Path) -> None:
    with running(STRANGER, lock) as stranger:
        assert line(stranger) == "ready"
        with pytest.raises(InputError, match="does not answer"):
            hand_over(lock, Request("x"))
        assert line(stranger) == "nothing"


# Windows' pipes, by what multiprocessing has in their place elsewhere


def test_pipes_pass_messages_with_limits() -> None:
    here, there = multiprocessing.Pipe()
    asker, owner = handover._PipeChannel(here), handover._PipeChannel(there)
    asker.send(b"x" * 1000)
    assert owner.receive(1000, time.monotonic() + SECONDS) == b"x" * 1000
    assert not owner.hung_up()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        owner.receive(1000, time.monotonic() + 0.2)
    assert 0.15 < time.monotonic() - started < 5
    asker.send(b"x" * 1001)
    with pytest.raises(OSError, match="length"):
        owner.receive(1000, None)
    owner.close()
    assert owner.hung_up()
    assert asker.hung_up()
    with pytest.raises((EOFError, OSError)):
        asker.receive(1000, None)
    asker.end()
    with pytest.raises(OSError):
        asker.send(b"x")
