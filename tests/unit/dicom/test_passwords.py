"""Archives that ask for a password."""

import pickle
import random
import shutil
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.dicom.zips import METHODS, Item, locked, make_aes, make_zip, members, pack, put, read, write_zip

from desktop.dicom import keyring, zipmembers
from desktop.dicom.archives import list_archive
from desktop.dicom.files import directory_of, open_source
from desktop.dicom.memberpaths import shown
from desktop.dicom.passwords import passwords, remember_passwords, unlock
from desktop.dicom.zipciphers import WrongPassword, make_decrypter
from desktop.dicom.zipentries import Entry
from desktop.errors import Locked, Unreadable

PASSWORD = "o'Hara-4711"
FILES = {"DICOM/IM1": b"0123456789" * 5_000 + random.Random(1).randbytes(999), "IM2": b"abc" * 100, "empty": b""}
BOTH = pytest.mark.parametrize("streaming", [True, False])


@pytest.fixture(autouse=True)
def _no_password_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keyring, "_keys", {})


def traditional(*contents: bytes, password: bytes = PASSWORD.encode(), method: str = "deflated") -> bytes:
    """Return an archive in the traditional encryption."""
    items = [Item(b"IM", data, pack(method, data), central={"method": METHODS[method]}) for data in contents]
    return write_zip(*(locked(item, password) for item in items))


def make_traditional(folder: Path) -> str:
    return put(folder, traditional(*FILES.values()))


def make_strong(bits: int, version: int, method: str = "deflated") -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        return make_aes(folder / "a.zip", FILES, PASSWORD.encode(), bits=bits, version=version, method=method)

    return make


EVERY = pytest.mark.parametrize(
    "make", [make_traditional, *(make_strong(bits, version) for bits in (128, 192, 256) for version in (1, 2))]
)


@EVERY
@BOTH
def test_an_archive_is_read_with_its_password_alone(tmp_path: Path, make: Callable[[Path], str], streaming: bool):
    path = make(tmp_path)
    listing = list_archive(path)
    assert [member.size for member in listing.members] == [50_999, 300, 0]
    assert [member.encrypted for member in listing.members] == [True] * 3
    first, *_ = members(path)
    with pytest.raises(Locked, match=r"asks for a password\. Open the archive again, and type it\.") as raised:
        open_source(first, streaming=streaming)
    assert raised.value.code == "locked"
    assert not unlock(path, None)
    assert not unlock(path, "wrong")
    with pytest.raises(Locked):
        open_source(first, streaming=streaming)
    assert unlock(path, PASSWORD)
    assert [read(member, streaming=streaming) for member in members(path)] == list(FILES.values())
    with open_source(first, streaming=streaming) as source:
        assert source.file.seek(40_001) == 40_001
        assert source.file.read(5) == b"12345"
        assert source.file.seek(9) == 9
        assert source.file.read(2) == b"90"


@pytest.mark.parametrize("method", METHODS)
def test_every_compression_is_read_under_encryption(tmp_path: Path, method: str):
    path = put(tmp_path, traditional(*FILES.values(), method=method))
    assert unlock(path, PASSWORD)
    assert [read(member, streaming=True) for member in members(path)] == list(FILES.values())


@pytest.mark.parametrize(
    ("raw", "typed"),
    [
        ("Schlüssel".encode(), "Schlüssel"),
        ("Schlüssel".encode("cp437"), "Schlüssel"),
        ("Schlüssel".encode("latin-1"), "Schlüssel"),
        ("患者".encode(), "患者"),
        (b"", ""),
    ],
)
def test_passwords_are_tried_as_programs_write_them(tmp_path: Path, raw: bytes, typed: str):
    strong = make_aes(tmp_path / "strong.zip", FILES, raw) if raw else None
    for path in filter(None, (put(tmp_path, traditional(b"content", password=raw)), strong)):
        assert not unlock(path, typed + "x")
        assert unlock(path, typed)
        assert read(members(path)[0])


def passes(entry: Entry, password: bytes, head: bytes) -> bool:
    try:
        make_decrypter(entry, password, head)
    except WrongPassword:
        return False
    return True


def test_a_wrong_password_that_passes_the_first_check_is_told(tmp_path: Path):
    item = locked(Item(b"IM1", b"content"), PASSWORD.encode())
    path = put(tmp_path, write_zip(item))
    with open_source(path) as source:
        (entry,) = directory_of(path, source).entries
    head = (item.packed or b"")[:12]
    wrong = next(str(number) for number in range(10_000) if passes(entry, str(number).encode(), head))
    assert not unlock(path, wrong)
    assert passwords() == {}
    # Even if it were known, wrong bytes would be told.
    remember_passwords({path: wrong.encode()})
    with pytest.raises(Unreadable):
        read(members(path)[0])


def test_a_password_is_not_tried_on_a_single_byte_if_there_are_more(tmp_path: Path):
    tiny, more = (locked(Item(b"IM1", data), PASSWORD.encode()) for data in (b"1", b"content"))
    wrong = "20440"  # It makes the one byte right, by chance.
    assert unlock(put(tmp_path, write_zip(tiny)), wrong)
    path = put(tmp_path, write_zip(tiny, tiny, tiny, more), "more.zip")
    assert not unlock(path, wrong)
    assert unlock(path, PASSWORD)


@pytest.mark.parametrize("make", [make_strong(256, 1), make_strong(128, 2, "bzip2"), make_traditional])
def test_what_is_read_bit_by_bit_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], str]
):
    monkeypatch.setattr(zipmembers, "_CHUNK", 16)
    path = make(tmp_path)
    assert unlock(path, PASSWORD)
    assert [read(member, streaming=True) for member in members(path)] == list(FILES.values())


def test_a_password_that_is_known_and_wrong_is_asked_for_again(tmp_path: Path):
    path = make_strong(256, 2)(tmp_path)
    remember_passwords({path: b"wrong"})
    with pytest.raises(Locked, match=r"asks for another password\."):
        read(members(path)[0])
    assert unlock(path, PASSWORD)
    assert read(members(path)[1]) == FILES["IM2"]


def test_known_passwords_are_tried_on_other_archives(tmp_path: Path):
    one, two = make_traditional(tmp_path), make_aes(tmp_path / "two.zip", FILES, PASSWORD.encode())
    before = passwords()
    assert unlock(one, PASSWORD)
    assert unlock(two, None)
    assert before == {}
    assert passwords() == {one: PASSWORD.encode(), two: PASSWORD.encode()}


def test_another_process_is_given_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = make_traditional(tmp_path)
    assert unlock(path, PASSWORD)
    carried = pickle.dumps(passwords())
    monkeypatch.setattr(keyring, "_keys", {})
    with pytest.raises(Locked):
        read(members(path)[0])
    remember_passwords(pickle.loads(carried))
    assert read(members(path)[0]) == FILES["DICOM/IM1"]


def test_one_damaged_file_does_not_make_a_password_wrong(tmp_path: Path):
    good, bad = (locked(Item(name, b"content" * 9), PASSWORD.encode()) for name in (b"good", b"bad"))
    damaged = Item(bad.name, bad.data, (bad.packed or b"")[:-1] + b"?", central=bad.central)
    path = put(tmp_path, write_zip(damaged, good))
    assert unlock(path, PASSWORD)
    first, second = members(path)
    with pytest.raises(Unreadable, match="damaged in its archive"):
        read(first)
    assert read(second) == b"content" * 9


@pytest.mark.parametrize("contents", [(b"", b""), (b"1",), (b"", b"12345")])
def test_archives_with_hardly_a_byte_are_unlocked(tmp_path: Path, contents: tuple[bytes, ...]):
    path = put(tmp_path, traditional(*contents, method="stored"))
    assert unlock(path, PASSWORD)
    assert [read(member) for member in members(path)] == list(contents)


def test_an_archive_that_asks_for_nothing_is_unlocked(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", FILES)
    assert unlock(path, None)
    assert unlock(path, "any")
    assert passwords() == {}


@pytest.mark.parametrize("version", [1, 2])
def test_changed_bytes_are_told_by_the_code_behind_them(tmp_path: Path, version: int):
    path = make_aes(tmp_path / "a.zip", {"IM1": b"0123456789" * 10}, PASSWORD.encode(), version=version)
    assert unlock(path, PASSWORD)
    data = bytearray(Path(path).read_bytes())
    place = data.index(b"PK\1\2")
    # The last of the ten bytes of the code, and the last byte before them.
    for at in (place - 1, place - 11):
        changed = data.copy()
        changed[at] ^= 1
        other = put(tmp_path, bytes(changed), f"{at}.zip")
        assert not unlock(other, PASSWORD)
        remember_passwords({other: PASSWORD.encode()})
        for streaming in (True, False):
            with pytest.raises(Unreadable, match="damaged in its archive"):
                read(members(other)[0], streaming=streaming)


def test_archives_within_archives_have_their_own_passwords(tmp_path: Path):
    inner = make_aes(tmp_path / "in.zip", {"IM1": b"image"}, b"inner")
    path = make_aes(tmp_path / "out.zip", {"in.zip": Path(inner).read_bytes()}, b"outer")
    (archive,) = members(path)
    for listed in (lambda: list_archive(archive), lambda: unlock(archive, "inner")):
        with pytest.raises(Locked):
            listed()
    assert unlock(path, "outer")
    assert unlock(archive, "inner")
    assert read(members(archive)[0]) == b"image"


def test_no_password_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = make_strong(128, 1)(tmp_path)
    assert not unlock(path, "secret-4711")
    remember_passwords({path: b"secret-4711"})
    with pytest.raises(Locked) as raised:
        read(members(path)[0])
    assert "secret" not in "".join(traceback.format_exception(raised.value, chain=True))
    assert unlock(path, PASSWORD)
    with open_source(members(path)[0], streaming=True) as source:
        assert PASSWORD not in repr(source) + repr(source.file)
    assert caplog.records == []


@pytest.mark.skipif(shutil.which("zip") is None, reason="Info-ZIP's zip is not here")
@pytest.mark.parametrize("options", [[], ["-P", PASSWORD], ["-fz"], ["-Z", "bzip2"], ["-0"], ["-P", PASSWORD, "-0"]])
def test_archives_of_info_zip_are_read(tmp_path: Path, options: list[str]):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("IM1", "Schädel", "empty"):
        (folder / name).write_bytes(b"" if name == "empty" else name.encode() * 1_000)
    subprocess.run(["zip", "-q", "-r", *options, "../a.zip", "."], cwd=folder, check=True)
    path = str(tmp_path / "a.zip")
    assert unlock(path, PASSWORD)
    for member in members(path):
        assert read(member) == (folder / shown(member).rpartition("/")[2]).read_bytes()
    assert len(members(path)) == 3


SEVEN = next(filter(None, map(shutil.which, ("7zz", "7z", "7za"))), None)


@pytest.mark.skipif(SEVEN is None, reason="7-Zip is not here")
@pytest.mark.parametrize("encryption", ["ZipCrypto", "AES128", "AES192", "AES256"])
@pytest.mark.parametrize("method", ["Copy", "Deflate", "BZip2", "LZMA"])
def test_archives_of_7_zip_are_read(tmp_path: Path, encryption: str, method: str):
    (tmp_path / "IM1").write_bytes(FILES["DICOM/IM1"])
    path = str(tmp_path / "a.zip")
    options = [f"-mem={encryption}", f"-mm={method}", f"-p{PASSWORD}"]
    subprocess.run([str(SEVEN), "a", "-tzip", *options, path, "IM1"], cwd=tmp_path, check=True, capture_output=True)
    assert unlock(path, PASSWORD)
    assert [read(member) for member in members(path)] == [FILES["DICOM/IM1"]]
