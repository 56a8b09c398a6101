"""Deflated data sets, read from any place."""

import io
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.dicom.inflating import Inflated

CONTENT = bytes(number * number % 251 for number in range(200_000)) + b"\0" * 3_000_000


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


PACKED = b"head" + deflate(CONTENT) + b"what stands behind"


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 400_000)), max_size=6))
def test_any_place_is_read_in_any_order(steps: list[tuple[int, int]]) -> None:
    stream = io.BufferedReader(Inflated(io.BytesIO(PACKED), 4))
    for offset, length in steps:
        stream.seek(offset)
        assert stream.read(length) == CONTENT[offset : offset + length]
        assert stream.tell() == max(offset, min(offset + length, len(CONTENT)))


def test_reading_goes_on_where_it_stands() -> None:
    inflated = Inflated(io.BytesIO(PACKED), 4)
    assert inflated.measure(len(CONTENT)) == len(CONTENT)
    assert inflated.read(3) == CONTENT[:3]
    assert inflated.seek(2, io.SEEK_CUR) == 5
    assert inflated.read(3) == CONTENT[5:8]
    assert (inflated.readable(), inflated.seekable(), inflated.tell()) == (True, True, 8)


@pytest.mark.parametrize("limit", [0, 1, 1 << 20, len(CONTENT) - 1])
def test_what_is_larger_than_a_limit_is_not_measured_to_its_end(limit: int) -> None:
    assert limit < Inflated(io.BytesIO(PACKED), 4).measure(limit) <= limit + (1 << 20)


def test_what_is_cut_short_ends_where_it_ends() -> None:
    packed = deflate(CONTENT)
    for length in (0, 1, 1000, len(packed) - 1):
        stream = io.BufferedReader(Inflated(io.BytesIO(packed[:length]), 0))
        data = stream.read()
        assert CONTENT.startswith(data)
        assert len(data) <= length * 1032
        assert Inflated(io.BytesIO(packed[:length]), 0).measure(len(CONTENT)) == len(data)


def test_damage_is_an_error() -> None:
    with pytest.raises(zlib.error):
        Inflated(io.BytesIO(b"\xff" * 100), 0).measure(1000)


def test_little_of_it_is_in_memory() -> None:
    packed = deflate(b"\0" * (1 << 26))
    inflated = Inflated(io.BytesIO(packed), 0)
    tracemalloc.start()
    try:
        assert inflated.measure(1 << 27) == 1 << 26
        inflated.seek((1 << 26) - 10)
        assert inflated.read(20) == b"\0" * 10
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()
