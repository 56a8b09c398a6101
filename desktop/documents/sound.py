"""Sound as a WAV file (PS3.3 §A.34.7, A.34.11)."""

import struct

import numpy as np

from .samples import Group

SOUND_LIMIT = 8_000_000
"""Bytes of a sound that stands in a page."""


def make_wav(group: Group) -> bytes | None:
    """Return the channels of a group as a WAV file of 16 bits; None if it were too long, or its rate is not told."""
    rate = round(group.frequency)
    samples = group.samples
    if (
        not 1 <= rate <= 400_000
        or samples.shape[1] > 8
        or samples.dtype.itemsize > 4
        or not 0 < samples.size * 2 <= SOUND_LIMIT
    ):
        return None
    kind = samples.dtype
    wide = samples.astype(np.int64)
    if kind.kind == "u":
        wide -= 1 << (8 * kind.itemsize - 1)
    shift = 8 * kind.itemsize - 16
    wide = wide << -shift if shift < 0 else wide >> shift
    data = wide.astype("<i2").tobytes()
    channels = samples.shape[1]
    form = struct.pack("<HHLLHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<L", len(form)) + form + b"data" + struct.pack("<L", len(data)) + data
    return b"RIFF" + struct.pack("<L", len(chunks)) + chunks
