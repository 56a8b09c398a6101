"""What is in ZIP archives, and which of them are left alone."""

import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dicom.zips import Item, Pipe, make_zip, members, pack, put, read, write_zip

from desktop.dicom import zipentries
from desktop.dicom.archives import Listing, list_archive
from desktop.dicom.memberpaths import container, depth, is_member, member_path, outermost, shown
from desktop.errors import Unreachable, Unreadable

# Paths


@pytest.mark.parametrize(
    ("path", "real", "holder", "deep", "text"),
    [
        ("/x/IM1", "/x/IM1", "", 0, "/x/IM1"),
        ("/x/a.zip\x0012/D/IM1", "/x/a.zip", "/x/a.zip", 1, "/x/a.zip/D/IM1"),
        ("/x/a.zip\x003/in.zip\x000/IM1", "/x/a.zip", "/x/a.zip\x003/in.zip", 2, "/x/a.zip/in.zip/IM1"),
        ("/x/a.zip\x000/", "/x/a.zip", "/x/a.zip", 1, "/x/a.zip/"),
        ("/x/\udcff.zip\x000/a\nb\x1b[1m\x85", "/x/\udcff.zip", "/x/\udcff.zip", 1, r"/x/\udcff.zip/a\x0ab\x1b[1m\x85"),
        ("C:\\x\\ä　患.zip\x000/1/2", "C:\\x\\ä　患.zip", "C:\\x\\ä　患.zip", 1, "C:\\x\\ä　患.zip/1/2"),
    ],
)
def test_paths_lead_into_archives(path: str, real: str, holder: str, deep: int, text: str):
    assert (is_member(path), outermost(path), container(path), depth(path)) == (deep > 0, real, holder, deep)
    assert shown(path) == text
    text.encode()


# What is listed


def names(listing: Listing) -> list[str]:
    return [member.path.rpartition("\0")[2] for member in listing.members]


def test_all_files_are_listed_and_no_folders(tmp_path: Path):
    files = {"b/": b"", "b/IM1": b"1234", ".hidden": b"1", "__MACOSX/._IM1": b"", "empty": b""}
    path = make_zip(tmp_path / "a.zip", files)
    listing = list_archive(path)
    assert names(listing) == ["1/b/IM1", "2/.hidden", "3/__MACOSX/._IM1", "4/empty"]
    assert [(member.size, member.encrypted) for member in listing.members] == [
        (4, False),
        (1, False),
        *[(0, False)] * 2,
    ]
    assert (listing.refused, listing.what) == ((), "")


def test_a_folder_that_holds_bytes_is_a_file(tmp_path: Path):
    assert names(list_archive(put(tmp_path, write_zip(Item(b"d/", b"x"), Item(b"d\\"))))) == ["0/d/"]


def test_two_files_of_one_name_are_told_apart(tmp_path: Path):
    path = put(tmp_path, write_zip(Item(b"IM1", b"one"), Item(b"IM1", b"two")))
    assert [read(member) for member in members(path)] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"../../../etc/passwd", "../../../etc/passwd"),
        (b"/etc/passwd", "/etc/passwd"),
        (b"C:\\Windows\\x", "C:\\Windows\\x"),
        (b"\\\\server\\share\\x", "\\\\server\\share\\x"),
        (b"", ""),
        (b"a\0b/\0", "a\ufffdb/\ufffd"),
        (b"CON", "CON"),
        (b"..", ".."),
        (b"1/2\n3", "1/2\\x0a3"),
        (b"x" * 65_000, "x" * 1_000),
    ],
)
def test_no_name_can_do_harm(tmp_path: Path, raw: bytes, text: str):
    path = put(tmp_path, write_zip(Item(b"first", b"1"), Item(raw, b"content")))
    _, member = members(path)
    assert shown(member) == f"{path}/{text}"
    assert (outermost(member), container(member), read(member)) == (path, path, b"content")
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def unicode_path(raw: bytes, name: str, *, version: int = 1) -> bytes:
    data = struct.pack("<BL", version, zlib.crc32(raw)) + name.encode()
    return struct.pack("<2H", 0x7075, len(data)) + data


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Item("Kopf/Schädel".encode(), central={"flags": 1 << 11}), "Kopf/Schädel"),
        (Item("患者".encode()), "患者"),
        (Item("Schädel".encode("cp437")), "Schädel"),
        (Item(b"\xff\xfe", central={"flags": 1 << 11}), "\N{NO-BREAK SPACE}■"),
        (Item(b"Sch?del", extra=unicode_path(b"Sch?del", "Schädel")), "Schädel"),
        (Item(b"renamed", extra=unicode_path(b"Sch?del", "Schädel")), "renamed"),
        (Item(b"Sch?del", extra=unicode_path(b"Sch?del", "Schädel", version=2)), "Sch?del"),
        (Item(b"cut", extra=b"\x75\x70\xff\xff\1"), "cut"),
    ],
)
def test_names_become_text(tmp_path: Path, item: Item, name: str):
    path = put(tmp_path, write_zip(item))
    assert members(path) == [member_path(path, 0, name)]


# Forms of archives

TWO = (Item(b"a", b"first"), Item(b"b", b"second"))
ZIP64_FIELDS = struct.pack("<2H3Q", 1, 24, 5, 5, 0)


@pytest.mark.parametrize(
    ("data", "contents"),
    [
        (write_zip(*TWO), [b"first", b"second"]),
        (write_zip(), []),
        (write_zip(*TWO, comment=b"PK\5\6 is where an archive ends" * 9), [b"first", b"second"]),
        (write_zip(*TWO, comment=b"c" * 65_535), [b"first", b"second"]),
        (write_zip(*TWO) + b"\0" * 512, [b"first", b"second"]),
        (write_zip(*TWO) + b"\r\n", [b"first", b"second"]),
        (write_zip(*TWO, prefix=b"MZ" + b"program" * 1000), [b"first", b"second"]),
        (write_zip(*TWO, zip64=True), [b"first", b"second"]),
        (write_zip(*TWO, zip64=True, prefix=b"MZ" * 1000), [b"first", b"second"]),
        (
            write_zip(
                Item(b"a", b"first", extra=ZIP64_FIELDS, central=dict.fromkeys(("size", "packed", "offset"), 2**32 - 1))
            ),
            [b"first"],
        ),
        (write_zip(Item(b"a", b"first", central={"disk": 0xFFFF})), [b"first"]),
    ],
    ids=["plain", "empty", "comment", "longest", "zeros", "line end", "program", "zip64", "both", "wide", "disk"],
)
def test_every_form_of_archive_is_read(tmp_path: Path, data: bytes, contents: list[bytes]):
    path = put(tmp_path, data)
    assert [read(member, streaming=True) for member in members(path)] == contents


def test_offsets_that_count_what_stands_before_are_right_too(tmp_path: Path):
    plain = write_zip(Item(b"a", b"first"))
    offset = len(plain) - 22 - 47
    moved = write_zip(Item(b"a", b"first", central={"offset": 100}), offset=offset + 100)
    assert [read(member) for member in members(put(tmp_path, b"x" * 100 + moved))] == [b"first"]


def test_what_stands_before_the_end_record_is_passed_over(tmp_path: Path):
    data = write_zip(*TWO)
    path = put(tmp_path, data[:-22] + b"something" + data[-22:])
    assert [read(member) for member in members(path)] == [b"first", b"second"]


def test_sizes_that_follow_the_data_are_read(tmp_path: Path):
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"content" * 1000)
    path = put(tmp_path, bytes(pipe.data))
    assert [read(member) for member in members(path)] == [b"content" * 1000]


def test_counts_of_programs_without_zip64_are_understood(tmp_path: Path):
    path = put(tmp_path, write_zip(*[Item()] * 65_540))
    assert len(members(path)) == 65_540


# What is refused as a whole


PARTS = "one part of an archive in several parts"
DAMAGED = r"table of contents is damaged\. Copy it again"
MISSING = r"table of contents is missing\. It is cut short, or one of several parts\. Copy it again"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", MISSING),
        (b"PK\3\4 and no more", MISSING),
        (b"no archive at all" * 100, MISSING),
        (b"PK\7\x08PK\3\4" + b"x" * 100, PARTS),
        (write_zip(*TWO, disk=2), PARTS),
        (write_zip(*TWO, disk=2, zip64=True), PARTS),
        (write_zip(*TWO, zip64=True).replace(b"\1\0\0\0PK\5\6", b"\2\0\0\0PK\5\6"), PARTS),
        (write_zip(Item(central={"disk": 3})), PARTS),
        (write_zip(*TWO, count=3), DAMAGED),
        (write_zip(*TWO, count=1), DAMAGED),
        (write_zip(*TWO, count=2 + 65_536, zip64=True), DAMAGED),
        (write_zip(*TWO, length=10), DAMAGED),
        (write_zip(*TWO, count=0, length=10), DAMAGED),
        (write_zip(*TWO, length=1 << 20), DAMAGED),
        (write_zip(*TWO, zip64=True).replace(b"PK\6\6", b"PK\6\5"), DAMAGED),
        (write_zip(*TWO, offset=2_000), r"beginning is missing\. It is cut short"),
        (write_zip(*TWO)[5:], r"beginning is missing\. It is cut short"),
        # The end of an archive within the archive is not the archive's own.
        (write_zip(Item(b"in.zip", write_zip(*TWO)), Item(b"b", b"x" * 500))[:-200], MISSING),
    ],
)
def test_what_is_no_whole_archive_is_refused(tmp_path: Path, data: bytes, sentence: str):
    with pytest.raises(Unreadable, match=sentence):
        list_archive(put(tmp_path, data))


def test_an_archive_that_is_not_there_is_unreachable(tmp_path: Path):
    with pytest.raises(Unreachable, match=r"^It cannot be read: No such file"):
        list_archive(str(tmp_path / "a.zip"))


TRUST = r"If you trust it, unpack it and open the folder\.$"
SPARSE = tuple(Item(b"a", central={"size": size, "method": 8}) for size in (60, 50))


@pytest.mark.parametrize(
    ("limits", "data", "sentence"),
    [
        ({"ENTRIES_LIMIT": 1}, write_zip(*TWO), "It lists 2 entries, more than 1. "),
        ({"ENTRIES_LIMIT": 1}, write_zip(*TWO, count=1), "It lists 2 entries, more than 1. "),
        ({}, write_zip(*TWO, count=10**7, zip64=True), "It lists 10,000,000 entries, more than 200,000. "),
        ({"DIRECTORY_LIMIT": 90}, write_zip(*TWO), "Its table of contents has 0 MB, more than 0 MB. "),
        ({"TOTAL_LIMIT": 100}, write_zip(*SPARSE), "Its files have 0 GB unpacked, more than 0 GB. "),
        (
            {},
            write_zip(*[Item(central={"size": 4 * 10**9, "method": 8})] * 26),
            "Its files have 104 GB unpacked, more than 100 GB. ",
        ),
        (
            {"RATIO_FROM": 1_000},
            write_zip(Item(b"a", b"0" * 400_000, pack("deflated", b"0" * 400_000), central={"method": 8})),
            "Its files have 0 GB unpacked, more than 250 times what they take in it. ",
        ),
        (
            {},
            write_zip(Item(b"a", b"x" * 9, central={"offset": 0}), Item(b"b", b"x" * 9, central={"offset": 0})),
            "Some of its files share the same bytes, as no usual program has it. ",
        ),
        (
            {},
            write_zip(Item(b"a", b"x" * 99), Item(b"b", b"x", central={"offset": 60})),
            "Some of its files share the same bytes, as no usual program has it. ",
        ),
    ],
)
def test_what_overwhelms_is_refused_with_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], data: bytes, sentence: str
):
    path = put(tmp_path, data)
    for name, value in limits.items():
        monkeypatch.setattr(zipentries, name, value)
    with pytest.raises(Unreadable, match=TRUST) as raised:
        list_archive(path)
    assert raised.value.sentence.startswith(sentence)


def test_archives_at_the_limits_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = b"0" * 5_000
    packed = pack("deflated", data)
    path = put(tmp_path, write_zip(Item(b"a", data, packed, central={"method": 8}), Item(b"b", b"x")))
    for name, value in {"ENTRIES_LIMIT": 2, "TOTAL_LIMIT": 5_001, "MEMBER_LIMIT": 5_000, "RATIO_FROM": 5_001}.items():
        monkeypatch.setattr(zipentries, name, value)
    assert [read(member) for member in members(path)] == [data, b"x"]


# What is refused of an archive

UNPACK = " Unpack the archive with the program that made it, and open the folder."
AGAIN = " Copy the archive again from its source."


def aes(strength: int, vendor: bytes = b"AE", version: int = 2) -> bytes:
    return struct.pack("<2HH2sBH", 0x9901, 7, version, vendor, strength, 8)


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (Item(central={"method": 9}), "It is compressed in a way that cannot be read here: Deflate64." + UNPACK),
        (Item(central={"method": 93}), "It is compressed in a way that cannot be read here: Zstandard." + UNPACK),
        (Item(central={"method": 6}), "It is compressed in a way that cannot be read here: number 6." + UNPACK),
        (
            Item(central={"method": 99, "flags": 1}),
            "It is compressed in a way that cannot be read here: an unknown AES." + UNPACK,
        ),
        (
            Item(central={"method": 99, "flags": 1}, extra=aes(4)),
            "It is compressed in a way that cannot be read here: an unknown AES." + UNPACK,
        ),
        (
            Item(central={"method": 99, "flags": 1}, extra=aes(1, b"XX")),
            "It is compressed in a way that cannot be read here: an unknown AES." + UNPACK,
        ),
        (Item(central={"flags": 0x41}), "It is encrypted in a way that cannot be read here." + UNPACK),
        (Item(central={"flags": 0x2001}), "It is encrypted in a way that cannot be read here." + UNPACK),
        (
            Item(extra=struct.pack("<2HQ", 1, 8, 9_500_000_000), central={"size": 2**32 - 1, "method": 8}),
            "It has 9.5 GB, more than 8 GB. If you trust it, unpack it and open the folder.",
        ),
        (Item(b"a", b"1", central={"packed": 80}), "Not all of its bytes are in the archive." + AGAIN),
        (Item(b"a", b"1", central={"flags": 1}), "Not all of its bytes are in the archive." + AGAIN),
        (Item(b"a", b"123", central={"size": 2}), "The archive gives two sizes for it." + AGAIN),
        (Item(b"a", b"x" * 20, central={"size": 20, "flags": 1}), "The archive gives two sizes for it." + AGAIN),
    ],
)
def test_one_file_is_refused_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: Item, sentence: str
):
    monkeypatch.setattr(zipentries, "RATIO_FROM", 10**11)
    path = put(tmp_path, write_zip(Item(b"good", b"1"), item))
    listing = list_archive(path)
    assert names(listing) == ["0/good"]
    assert listing.refused == ((member_path(path, 1, "a"), sentence),)
    with pytest.raises(Unreadable) as raised:
        read(listing.refused[0].path)
    assert raised.value.sentence == sentence


# Programs and documents


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (["META-INF/", "META-INF/MANIFEST.MF", "a.class"], "a Java program"),
        (["META-INF/MANIFEST.MF"], "a Java program"),
        (["a", "b", "META-INF/MANIFEST.MF"], ""),
        (["AndroidManifest.xml", "META-INF/MANIFEST.MF"], "an Android program"),
        (["[Content_Types].xml", "_rels/.rels"], "an office document"),
        (["_rels/.rels", "word/document.xml", "[Content_Types].xml"], "an office document"),
        (["mimetype", "content.xml"], "an office document or a book"),
        (["content.xml", "mimetype"], ""),
        (["viewer/lib.jar", "viewer/META-INF/MANIFEST.MF", "DICOM/IM1"], ""),
        ([], ""),
    ],
)
def test_programs_and_documents_are_left_alone_unless_asked_for(tmp_path: Path, files: list[str], what: str):
    path = make_zip(tmp_path / "a.zip", dict.fromkeys(files, b"x"))
    expected = [f"{at}/{name}" for at, name in enumerate(files)]
    listing = list_archive(path)
    assert (listing.what, names(listing)) == (what, [] if what else expected)
    asked = list_archive(path, asked=True)
    assert (asked.what, names(asked)) == ("", expected)


# Archives within archives


def test_archives_within_archives_are_listed_three_deep(tmp_path: Path):
    data = make_zip(tmp_path / "0.zip", {"IM1": b"image"})
    for number in (1, 2, 3):
        data = make_zip(
            tmp_path / f"{number}.zip", {"in.zip": Path(data).read_bytes()}, "stored" if number == 2 else "lzma"
        )
    path, deep = str(tmp_path / "2.zip"), str(tmp_path / "3.zip")
    for _ in range(2):
        (path,), (deep,) = members(path), members(deep)
    assert [read(member) for member in members(path)] == [b"image"]
    assert shown(members(path)[0]) == f"{tmp_path}/2.zip/in.zip/in.zip/IM1"
    (deepest,) = members(deep)
    for too_deep in (lambda: list_archive(deepest), lambda: read(f"{deepest}\x000/IM1")):
        with pytest.raises(Unreadable, match=r"more than 3 archives deep\. Unpack them"):
            too_deep()


# Damage


def try_all(path: str) -> int:
    """Read whatever can be read; return how many files could."""
    read_files = 0
    try:
        for member in members(path):
            for streaming in (True, False):
                try:
                    read(member, streaming=streaming)
                    read_files += 1
                except (Unreadable, OSError):
                    pass
    except Unreadable:
        pass
    return read_files


SAMPLE = write_zip(
    *(
        Item(name.encode(), data, pack(name, data), central={"method": method})
        for name, method in (("stored", 0), ("deflated", 8), ("bzip2", 12), ("lzma", 14))
        for data in (b"0123456789abcdef" * 20,)
    ),
    comment=b"a comment",
)


def test_a_cut_archive_is_refused_wherever_it_is_cut(tmp_path: Path):
    assert try_all(put(tmp_path, SAMPLE)) == 8
    for length in range(0, len(SAMPLE), 50):
        path = put(tmp_path, SAMPLE[:length], f"{length}.zip")
        with pytest.raises(Unreadable):
            list_archive(path)


@given(st.data())
def test_damage_never_ends_in_anything_but_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    damaged = bytearray(SAMPLE)
    places = st.integers(0, len(SAMPLE) - 1)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(places)] = data.draw(st.integers(0, 255))
    start = data.draw(places)
    del damaged[start : start + data.draw(st.integers(0, 3))]
    try_all(put(tmp_path_factory.mktemp("damaged"), bytes(damaged)))
