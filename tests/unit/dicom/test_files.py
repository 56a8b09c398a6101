"""Files are opened alike, on a disk and inside archives."""

import io
import os
import random
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dicom.zips import METHODS, Item, make_zip, members, pack, put, read, write_zip

from desktop.dicom import files, inflated
from desktop.dicom.files import open_source
from desktop.dicom.memberpaths import member_path
from desktop.dicom.recent import Recent
from desktop.errors import Unreadable

BOTH = pytest.mark.parametrize("streaming", [True, False])
ALL = pytest.mark.parametrize("method", METHODS)

CONTENT = bytes(number * number % 251 for number in range(300_000))


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inflated, "_memory", Recent(inflated.MEMORY_LIMIT, inflated._weigh))
    monkeypatch.setattr(inflated, "_spool", Recent(inflated.SPOOL_LIMIT, inflated._weigh))
    monkeypatch.setattr(files, "_directories", Recent(250_000, files._weigh))


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, which is empty in the end."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def one(folder: Path, method: str, data: bytes = CONTENT) -> str:
    """Write an archive with one file; return the file's path."""
    (member,) = members(make_zip(folder / f"{method}.zip", {"IM1": data}, method))
    return member


def open_files() -> list[str]:
    """Return the paths that this process has open; only Linux tells."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))  # noqa: PTH115 - the link's text, whatever it is
        except OSError:
            continue
    return found


# On a disk


@BOTH
def test_a_plain_file_is_opened_as_it_is(tmp_path: Path, streaming: bool):
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    os.utime(path, ns=(1, 123_456_789_000))
    with open_source(str(path), streaming=streaming) as source:
        assert (source.size, source.mtime_ns) == (10, path.stat().st_mtime_ns)
        assert source.file.read() == b"0123456789"
        assert source.file.seek(3) == 3
        assert source.file.read(2) == b"34"
    assert source.file.closed


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among files")
def test_nothing_waits_for_a_pipe(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), member_path(str(tmp_path / "pipe"), 0, "a"), str(tmp_path)):
        with pytest.raises(OSError):
            open_source(path)


# In archives


@ALL
@BOTH
def test_a_file_in_an_archive_is_opened_like_any_other(tmp_path: Path, method: str, streaming: bool):
    member = one(tmp_path, method)
    with open_source(member, streaming=streaming) as source:
        assert (source.size, source.mtime_ns) == (300_000, (tmp_path / f"{method}.zip").stat().st_mtime_ns)
        assert source.file.read() == CONTENT
        assert source.file.read(1) == b""
    assert source.file.closed


@ALL
@BOTH
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0, 1, 2]), st.integers(-310_000, 310_000), st.integers(0, 100_000)), max_size=12
    )
)
def test_any_place_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, method: str, streaming: bool, steps: list[tuple[int, int, int]]
):
    path = tmp_path_factory.getbasetemp() / f"any-{method}.zip"
    if not path.exists():
        make_zip(path, {"IM1": CONTENT}, method)
    judge = io.BytesIO(CONTENT)
    with open_source(members(str(path))[0], streaming=streaming) as source:
        for whence, offset, length in steps:
            if {0: 0, 1: judge.tell(), 2: len(CONTENT)}[whence] + offset >= 0:
                assert source.file.seek(offset, whence) == judge.seek(offset, whence)
            assert source.file.read(length) == judge.read(length)
            assert source.file.tell() == judge.tell()


def test_no_place_is_before_the_beginning(tmp_path: Path):
    for method in METHODS:
        with open_source(one(tmp_path, method), streaming=True) as source, pytest.raises(ValueError):
            source.file.seek(-300_001, io.SEEK_END)


@BOTH
def test_an_empty_file_is_empty(tmp_path: Path, streaming: bool):
    assert [read(one(tmp_path, method, b""), streaming=streaming) for method in METHODS] == [b""] * 4


@ALL
@pytest.mark.parametrize("data", [b"0" * 375, CONTENT[:1_000]])
def test_the_smallest_pieces_make_the_whole(tmp_path: Path, method: str, data: bytes):
    with open_source(one(tmp_path, method, data), streaming=True) as source:
        assert b"".join(iter(lambda: source.file.raw.read(1), b"")) == data


@ALL
def test_the_beginning_is_had_without_the_rest(tmp_path: Path, method: str):
    data = random.Random(1).randbytes(3_000_000)
    packed = pack(method, data)[:-1000] + bytes(1000)
    path = put(tmp_path, write_zip(Item(b"a", data, packed, central={"method": METHODS[method]})))
    with open_source(members(path)[0], streaming=True) as source:
        assert source.file.read(1000) == data[:1000]


def test_what_is_not_compressed_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(files, "open_inflated")
    assert read(one(tmp_path, "stored")) == CONTENT


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[object]:
    """Note all calls of a function of the module."""
    calls: list[object] = []
    real: Callable[..., object] = getattr(files, name)

    def count(*arguments: object) -> object:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(files, name, count)
    return calls


def test_a_file_is_inflated_once_for_all_who_read_here_and_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inflations = counted(monkeypatch, "unpack")
    member = one(tmp_path, "deflated")
    assert [read(member) for _ in range(3)] == [CONTENT] * 3
    assert len(inflations) == 1
    assert [read(member, streaming=True) for _ in range(2)] == [CONTENT] * 2
    assert len(inflations) == 3


def test_an_archive_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    listings = counted(monkeypatch, "read_directory")
    path = make_zip(tmp_path / "a.zip", {str(number): b"x" for number in range(20)})
    for member in members(path):
        read(member)
    assert len(listings) == 1
    make_zip(tmp_path / "a.zip", {"0": b"changed"})
    assert [read(member) for member in members(path)] == [b"changed"]
    assert len(listings) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is open")
@ALL
def test_no_archive_is_open_when_nobody_reads(tmp_path: Path, method: str):
    inner = make_zip(tmp_path / "in.zip", {"IM1": CONTENT}, method)
    path = make_zip(tmp_path / "out.zip", {"in.zip": Path(inner).read_bytes()}, method)
    (member,) = members(members(path)[0])
    with open_source(member, streaming=True) as source:
        source.file.read(10)
        assert (path in open_files()) == (method == "stored")
    assert read(member) == CONTENT
    with open_source(member) as source:
        assert (path in open_files()) == (method == "stored")
    assert not [name for name in open_files() if name.startswith(str(tmp_path))]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: make_zip(path, {"IM2": b"other"}),
        lambda path: make_zip(path, {}),
        lambda path: make_zip(path, {"IM0": b"", "IM1": CONTENT}),
    ],
)
@BOTH
def test_an_archive_that_is_another_one_now_is_told(tmp_path: Path, change: Callable[[Path], str], streaming: bool):
    member = one(tmp_path, "deflated")
    change(tmp_path / "deflated.zip")
    with pytest.raises(OSError, match="has changed since it was read; open the archive again"):
        open_source(member, streaming=streaming)


@pytest.mark.parametrize(
    "member", ["0", "x/IM1", "-1/IM1", "", "/IM1", "9" * 30 + "/IM1", "\N{ARABIC-INDIC DIGIT ZERO}/IM1"]
)
def test_what_is_no_path_into_an_archive_is_told(tmp_path: Path, member: str):
    path = make_zip(tmp_path / "a.zip", {"IM1": b"x"})
    with pytest.raises(OSError, match="has changed since it was read"):
        open_source(f"{path}\0{member}")


def test_an_archive_that_is_gone_is_told(tmp_path: Path):
    member = one(tmp_path, "deflated")
    assert read(member) == CONTENT
    (tmp_path / "deflated.zip").unlink()
    with pytest.raises(FileNotFoundError):
        open_source(member)


# Damage

WRONG = r"It is damaged in its archive\. Copy the archive again from its source\."


def deflated(data: bytes, **central: int) -> Item:
    return Item(b"a", data, pack("deflated", data), central={"method": 8, **central})


@pytest.mark.parametrize(
    "item",
    [
        deflated(CONTENT, crc=1),
        deflated(CONTENT, size=len(CONTENT) + 1),
        deflated(CONTENT, size=len(CONTENT) - 1),
        deflated(CONTENT, size=len(CONTENT) * 100),
        Item(b"a", CONTENT, pack("deflated", CONTENT)[:-9], central={"method": 8}),
        Item(b"a", CONTENT, pack("deflated", CONTENT), central={"method": 12}),
        Item(b"a", CONTENT, pack("deflated", CONTENT), central={"method": 14}),
        Item(b"a", CONTENT, b"\xff" * 99, central={"method": 8}),
        Item(b"a", CONTENT, pack("bzip2", CONTENT)[:-30] + bytes(30), central={"method": 12}),
        Item(b"a", CONTENT, pack("lzma", CONTENT)[:7], central={"method": 14}),
        Item(b"a", CONTENT, b"\t\4\5\0\xff" + bytes(99), central={"method": 14}),
        Item(b"a", CONTENT, b"", central={"method": 8}),
    ],
    ids=lambda item: str(dict(item.central)),
)
def test_damage_is_told_by_whoever_meets_it(tmp_path: Path, item: Item):
    (member,) = members(put(tmp_path, write_zip(item)))
    with pytest.raises(Unreadable, match=WRONG):
        open_source(member)
    with open_source(member, streaming=True) as source, pytest.raises(Unreadable, match=WRONG):
        list(iter(lambda: source.file.read(10_000), b""))


def test_never_more_is_read_than_the_archive_said(tmp_path: Path):
    item = deflated(CONTENT, size=100_000)
    (member,) = members(put(tmp_path, write_zip(item)))
    with open_source(member, streaming=True) as source:
        assert source.size == 100_000
        assert source.file.read(1_000) == CONTENT[:1_000]
        with pytest.raises(Unreadable, match=WRONG):
            source.file.read()


@BOTH
@pytest.mark.parametrize("damage", [(0, b"PK\1\2"), (26, b"\xff\xff")])
def test_a_wrong_local_header_is_told(tmp_path: Path, damage: tuple[int, bytes], streaming: bool):
    data = bytearray(write_zip(deflated(b"content"), Item(b"b", b"stored")))
    data[damage[0] : damage[0] + len(damage[1])] = damage[1]
    first, second = members(put(tmp_path, bytes(data)))
    with pytest.raises(Unreadable, match=WRONG):
        open_source(first, streaming=streaming)
    assert read(second) == b"stored"


def test_an_archive_that_gets_shorter_meanwhile_is_told(tmp_path: Path):
    member = one(tmp_path, "deflated", os.urandom(300_000))
    with open_source(member, streaming=True) as source:
        source.file.read(10)
        os.truncate(tmp_path / "deflated.zip", 100_000)
        with pytest.raises(OSError, match="became shorter while it was read"):
            source.file.read()


def test_a_large_dictionary_takes_no_memory_for_a_small_file(tmp_path: Path):
    packed = bytearray(pack("lzma", CONTENT))
    packed[5:9] = b"\xff\xff\xff\xff"
    small = Item(b"a", CONTENT, bytes(packed), central={"method": 14})
    large = Item(b"b", CONTENT, bytes(packed), central={"method": 14, "size": 300 << 20})
    first, second = members(put(tmp_path, write_zip(small, large)))
    assert read(first) == CONTENT
    with pytest.raises(Unreadable, match=r"takes too much memory\. Unpack its archive and open the folder"):
        read(second)


# What is kept


def test_large_files_are_kept_in_files_without_a_name(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inflated, "IN_MEMORY", 1_000)
    inflations = counted(monkeypatch, "unpack")
    small, large = members(make_zip(tmp_path / "a.zip", {"small": CONTENT[:1_000], "large": CONTENT}))
    with open_source(large) as one, open_source(large) as two:
        assert one.file.seek(1_000) == two.file.seek(1_000)
        assert one.file.read(10) == two.file.read(10) == CONTENT[1_000:1_010]
        assert one.file.seek(-10, io.SEEK_END) == 299_990
        assert one.file.read() == CONTENT[-10:]
        if sys.platform != "win32":
            assert list(temporary.iterdir()) == []
    assert [read(small), read(large)] == [CONTENT[:1_000], CONTENT]
    assert len(inflations) == 2
    assert [len(inflated._memory._slots), len(inflated._spool._slots)] == [1, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is open")
def test_a_temporary_file_goes_with_its_last_reader(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inflated, "IN_MEMORY", 1_000)
    monkeypatch.setattr(inflated, "_spool", Recent(1, inflated._weigh))

    def spooled() -> int:
        return sum(name.startswith(str(temporary)) for name in open_files())

    first, second, damaged = members(
        put(
            tmp_path,
            write_zip(*(Item(name, CONTENT, pack("deflated", CONTENT), central={"method": 8}) for name in (b"a", b"b")),
                      deflated(CONTENT, crc=1)),
        )
    )  # fmt: skip
    with open_source(first) as source:
        assert read(second) == CONTENT
        assert spooled() == 2
        assert source.file.read() == CONTENT
        del source
    assert spooled() == 1
    with pytest.raises(Unreadable):
        read(damaged)
    assert spooled() == 1


def test_a_disk_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inflated, "IN_MEMORY", 1_000)
    monkeypatch.setattr(inflated.shutil, "disk_usage", lambda path: SimpleNamespace(free=599_999))
    with pytest.raises(OSError, match="no room to unpack it: it takes 0 MB of the disk"):
        read(one(tmp_path, "deflated"))


def test_the_last_values_are_kept_up_to_the_limit():
    recent, made = Recent[str](10, len), list[str]()

    def get(key: str) -> str:
        return recent.get(key, lambda: made.append(key) or key)

    for key in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb", "x" * 99, "x" * 99, "aaaa"):
        assert get(key) == key
    assert made == ["aaaa", "bbbb", "cccc", "bbbb", "x" * 99, "aaaa"]


def test_a_value_that_could_not_be_made_is_made_anew():
    recent = Recent[str](10, len)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: str(1 // 0))
    assert not recent._slots
    assert recent.get("a", lambda: "made") == "made"


def test_whoever_waited_in_vain_makes_it_themselves():
    recent, waiting, failing = Recent[str](10, len), threading.Event(), threading.Event()

    def fail() -> str:
        waiting.set()
        failing.wait(10)
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(recent.get, "a", fail)
        assert waiting.wait(10)
        second = pool.submit(recent.get, "a", lambda: "made")
        threading.Event().wait(0.05)
        failing.set()
        assert isinstance(first.exception(), ZeroDivisionError)
        assert second.result() == "made"
    assert recent._total == sum(slot.weight for slot in recent._slots.values())


def test_a_value_is_made_once_for_all_threads():
    recent, made, gate = Recent[str](10, len), list[int](), threading.Barrier(8)

    def make() -> str:
        made.append(1)
        threading.Event().wait(0.05)
        return "made"

    def get(_number: int) -> str:
        gate.wait()
        return recent.get("a", make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(get, range(8))) == ["made"] * 8
    assert made == [1]


def test_what_is_being_made_is_waited_for_whatever_else_is_kept():
    recent, made = Recent[str](10, len), list[str]()
    started, done = threading.Event(), threading.Event()

    def make() -> str:
        started.set()
        done.wait(10)
        made.append("slow")
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(recent.get, "a", make)
        assert started.wait(10)
        recent.get("large", lambda: "x" * 99)
        second = pool.submit(recent.get, "a", make)
        done.set()
        assert [first.result(), second.result()] == ["slow", "slow"]
    assert made == ["slow"]


def test_many_threads_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inflated, "IN_MEMORY", 60_000)
    monkeypatch.setattr(inflated, "_memory", Recent(100_000, inflated._weigh))
    monkeypatch.setattr(inflated, "_spool", Recent(200_000, inflated._weigh))
    contents = {str(number): CONTENT[number * 100 :][: number * 10_000] for number in range(10)}
    inner = Path(make_zip(tmp_path / "in.zip", contents)).read_bytes()
    path = make_zip(tmp_path / "out.zip", {**contents, "in.zip": inner})
    paths = members(path)
    paths += members(paths.pop())

    def work(number: int) -> bool:
        member = paths[number * 7 % len(paths)]
        return read(member, streaming=number % 3 == 0) == contents[member.rpartition("/")[2]]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
