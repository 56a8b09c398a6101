"""Multipart bodies, read as they come: in any pieces the same, and nothing made of what is none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.partreader import (
    HEAD_LIMIT,
    PART_LIMIT,
    Malformed,
    PartBegun,
    PartEnded,
    PartReader,
    TooMuch,
    read_media_type,
)

Parts = list[tuple[dict[str, str], bytes]]


def read(body: bytes, boundary: str = "b", cuts: tuple[int, ...] = ()) -> Parts:
    """Return the parts of a body that comes in pieces."""
    reader = PartReader(boundary)
    parts: Parts = []
    is_open = False
    for start, end in pairwise((0, *sorted(cuts), len(body))):
        for event in reader.feed(body[start:end]):
            if isinstance(event, PartBegun):
                assert not is_open
                is_open = True
                parts.append((dict(event.headers), b""))
            elif isinstance(event, PartEnded):
                assert is_open
                is_open = False
            else:
                assert is_open
                assert event
                parts[-1] = (parts[-1][0], parts[-1][1] + event)
    reader.end()
    assert not is_open
    return parts


ONE = b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (ONE, [({"content-type": "application/dicom"}, b"DICM")]),
        (b"\r\n" + ONE, [({"content-type": "application/dicom"}, b"DICM")]),
        (b"A preamble\r\nof two lines\r\n" + ONE, [({"content-type": "application/dicom"}, b"DICM")]),
        (b"--c\r\n--bb" + b"\r\n" + ONE.replace(b"--b", b"--b"), None),
        (ONE + b"an epilogue --b\r\n--b\r\nX: y\r\n\r\nmore", [({"content-type": "application/dicom"}, b"DICM")]),
        (b"--b\r\n\r\nno headers\r\n--b--", [({}, b"no headers")]),
        (b"--b \t \r\n\r\npadded\r\n--b--", [({}, b"padded")]),
        (b"--b\r\n\r\n\r\n--b--", [({}, b"")]),
        (b"--b\r\n\r\n\r\n\r\n--b--", [({}, b"\r\n")]),
        (b"--b\r\n\r\n--b\r\n--b--", [({}, b"--b")]),
        (b"--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--", [({}, b"1"), ({}, b"2")]),
        (b"--b\r\nA: 1\r\nB:2 \r\nC: 3;\r\n\tx=4\r\n\r\n.\r\n--b--", [({"a": "1", "b": "2", "c": "3; x=4"}, b".")]),
        (b"--b--", []),
        (b"", None),
        (b"nothing of the kind", None),
        (b"--b", None),
        (b"--b\r\n", None),
        (b"--b\r\nA: 1\r\n\r\ncut", None),
        (b"--b\r\nA: 1\r\n\r\ncut\r\n--b", None),
        (b"--b\r\nA: 1\r\n\r\ncut\r\n--b-", None),
        (b"--b\n\n1\n--b--", None),  # lines that end otherwise
        (b"--b\r\n\r\n1--b--", None),  # a line's end is missing before the boundary
        (b"--b\r\n\r\n1\r\n--bc\r\n", None),  # a line that begins with the boundary
        (b"--b\r\nno header\r\n\r\n1\r\n--b--", None),
        (b"--b\r\nA : 1\r\n\r\n1\r\n--b--", None),
        (b"--b\r\nA: 1\r\na: 2\r\n\r\n1\r\n--b--", None),
    ],
)
def test_bodies(body: bytes, parts: Parts | None) -> None:
    for cuts in ((), tuple(range(1, len(body))), (len(body) // 2,)):
        if parts is None:
            with pytest.raises(Malformed):
                read(body, cuts=cuts)
        else:
            assert read(body, cuts=cuts) == parts


@given(
    contents=st.lists(st.binary(max_size=60) | st.text("\r\n-b", max_size=12).map(str.encode), max_size=5),
    boundary=st.text("b-'()+_,./:=?", min_size=1, max_size=8)
    | st.text("xyz ", min_size=0, max_size=69).map("{}z".format),
    data=st.data(),
)
def test_any_content_comes_through_in_any_pieces(contents: list[bytes], boundary: str, data: st.DataObject) -> None:
    mark = b"--" + boundary.encode()
    contents = [content for content in contents if b"\r\n" + mark not in b"\r\n" + content + b"\r\n"]
    body = b"".join(mark + b"\r\nX: y\r\n\r\n" + content + b"\r\n" for content in contents) + mark + b"--"
    cuts = tuple(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    assert read(body, boundary, cuts) == [({"x": "y"}, content) for content in contents]


@given(body=st.binary(max_size=80) | st.text("\r\n-b:x ", max_size=60).map(str.encode), data=st.data())
def test_nonsense_is_read_in_any_pieces_alike(body: bytes, data: st.DataObject) -> None:
    def attempt(cuts: tuple[int, ...]) -> object:
        try:
            return read(body, cuts=cuts)
        except Malformed:
            return "malformed"

    assert attempt(()) == attempt(tuple(data.draw(st.lists(st.integers(0, len(body)), max_size=6))))


def test_nothing_is_kept_of_a_long_part() -> None:
    reader = PartReader("b")
    for _ in reader.feed(b"--b\r\n\r\n"):
        pass
    given_away = sum(len(event) for _ in range(64) for event in reader.feed(bytes(1 << 16)) if isinstance(event, bytes))
    assert (64 << 16) - given_away < 8
    assert len(reader._buffer) < 8


def test_headers_are_limited() -> None:
    with pytest.raises(TooMuch):
        list(PartReader("b").feed(b"--b\r\nX: " + b"y" * HEAD_LIMIT))
    with pytest.raises(Malformed):
        list(PartReader("b").feed(b"--b" + b" " * (HEAD_LIMIT + 10)))


def test_parts_are_limited() -> None:
    part = b"--b\r\n\r\n\r\n"
    assert len(read(part * PART_LIMIT + b"--b--")) == PART_LIMIT
    with pytest.raises(TooMuch):
        read(part * (PART_LIMIT + 1) + b"--b--")


@pytest.mark.parametrize("boundary", ["", "x" * 201, "b ", "b\r\n", 'b"', "ü", "b;c"])
def test_what_is_no_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(Malformed):
        PartReader(boundary)


@pytest.mark.parametrize(
    ("header", "name", "parameters"),
    [
        (
            'multipart/related; type="application/dicom"; boundary=abc',
            "multipart/related",
            ("application/dicom", "abc"),
        ),
        ('Multipart/Related;TYPE=application/dicom;Boundary="a b"', "multipart/related", ("application/dicom", "a b")),
        ('multipart/related; boundary="a;type=b"; type=c', "multipart/related", ("c", "a;type=b")),
        ("application/dicom", "application/dicom", ("", "")),
        ("", "", ("", "")),
        (";", "", ("", "")),
    ],
)
def test_media_types(header: str, name: str, parameters: tuple[str, str]) -> None:
    media_type = read_media_type(header)
    assert media_type.name == name
    assert tuple(media_type.parameters.get(key, "") for key in ("type", "boundary")) == parameters
