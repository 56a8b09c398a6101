"""The samples of waveforms (PS3.3 §C.10.9, PS3.5 §A.1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom.items import Item
from .formatting import format_units

Samples = NDArray[Any]
Numbers = NDArray[np.float64]

_TYPES = {"SB": "i1", "UB": "u1", "MB": "u1", "AB": "u1", "SS": "<i2", "US": "<u2", "SL": "<i4", "UL": "<u4"}
_TYPES |= {"SV": "<i8", "UV": "<u8"}
_BY_BITS = {8: "SB", 16: "SS", 32: "SL", 64: "SV"}
CHANNEL_LIMIT = 512
"""Channels of one group that are shown."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a multiplex group.

    Attributes:
        label: such as ``V1``.
        units: such as ``uV``; empty if the values are as stored.
        scale, baseline: a stored value times ``scale`` plus ``baseline`` is in these units.
        skew: seconds by which its samples are later than those of the group.
        calibrated: whether the file says by what stored values are multiplied.
        filters: how the signal was filtered, in words.
    """

    label: str
    units: str
    scale: float
    baseline: float
    skew: float = 0.0
    calibrated: bool = True
    filters: str = ""

    def physical(self, stored: Numbers) -> Numbers:
        """Return values in the channel's units."""
        return stored * self.scale + self.baseline


@dataclass(frozen=True, slots=True)
class Group:
    """A multiplex group: channels that were sampled together.

    Attributes:
        frequency: samples of one channel in a second, Hz; 0 if it is not told.
        offset: seconds from the beginning of the acquisition to the first sample.
        samples: stored values, shape (samples, channels); what is compressed by µ-law or A-law is expanded.
        padding: the stored value of samples that were not taken; None if there is none.
        missing: samples that were told, but are not in the file.
    """

    label: str
    frequency: float
    offset: float
    channels: tuple[Channel, ...]
    samples: Samples
    padding: int | None = None
    missing: int = 0
    interpretation: str = "SS"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.frequency if self.frequency else 0.0


def read_group(item: Item, data: bytes, padding: bytes = b"") -> Group | None:
    """Return a multiplex group; None if its samples are of a form that nobody knows.

    Args:
        item: of Waveform Sequence.
        data: Waveform Data in little endian.
        padding: Waveform Padding Value.
    """
    interpretation = item.text("WaveformSampleInterpretation") or _BY_BITS.get(
        item.integer("WaveformBitsAllocated") or 0, ""
    )
    kind = _TYPES.get(interpretation)
    definitions = item.items("ChannelDefinitionSequence")
    count = item.integer("NumberOfWaveformChannels") or len(definitions)
    if kind is None or not 1 <= count <= 100_000:
        return None
    dtype = np.dtype(kind)
    told = item.integer("NumberOfWaveformSamples") or 0
    whole = len(data) // (dtype.itemsize * count)
    length = min(told, whole) if told > 0 else whole
    samples = np.frombuffer(data, dtype, length * count).reshape(length, count)
    pad = int(np.frombuffer(padding, dtype, 1)[0]) if len(padding) >= dtype.itemsize else None
    if interpretation in _LAWS:
        pad = None if pad is None else int(_LAWS[interpretation][pad])
        samples = _LAWS[interpretation][samples]
    frequency = item.number("SamplingFrequency") or 0.0
    frequency = frequency if 0 < frequency < 1e9 else 0.0
    channels = tuple(
        read_channel(definitions[at] if at < len(definitions) else Item({}), at + 1, frequency)
        for at in range(min(count, CHANNEL_LIMIT))
    )
    return Group(
        label=item.text("MultiplexGroupLabel"),
        frequency=frequency,
        # Multiplex Group Time Offset is in ms.
        offset=(item.number("MultiplexGroupTimeOffset") or 0.0) / 1000,
        channels=channels,
        samples=samples,
        padding=pad,
        missing=max(0, told - length),
        interpretation=interpretation,
    )


def read_channel(item: Item, number: int, frequency: float) -> Channel:
    """Return what one item of Channel Definition Sequence says (PS3.3 §C.10.9.1.4)."""
    sensitivity = item.number("ChannelSensitivity")
    correction = item.number("ChannelSensitivityCorrectionFactor")
    units = format_units(item.code("ChannelSensitivityUnitsSequence"))
    skew = item.number("ChannelTimeSkew")
    if skew is None:
        samples = item.number("ChannelSampleSkew") or 0.0
        skew = samples / frequency if frequency else 0.0
    if sensitivity is None:
        return Channel(_label(item, number), "", 1.0, 0.0, skew, calibrated=False, filters=_filters(item))
    scale = sensitivity * (1.0 if correction is None else correction)
    baseline = item.number("ChannelBaseline") or 0.0
    return Channel(_label(item, number), units, scale, baseline, skew, filters=_filters(item))


def _label(item: Item, number: int) -> str:
    source = item.code("ChannelSourceSequence")
    words = item.text("ChannelLabel") or source.meaning or source.value or f"Channel {number}"
    return words.removeprefix("Lead ").removesuffix(" (Einthoven)").strip() or f"Channel {number}"


def _filters(item: Item) -> str:
    low, high = item.number("FilterLowFrequency"), item.number("FilterHighFrequency")
    notch = item.number("NotchFilterFrequency")
    words = [f"{low:g}\u2013{high:g} Hz"] if low is not None and high else []
    if notch:
        words.append(f"notch {notch:g} Hz")
    return ", ".join(words)


def _mu_law() -> Samples:
    """Return the values of ITU-T G.711 µ-law by code."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -size, size).astype("<i2")


def _a_law() -> Samples:
    """Return the values of ITU-T G.711 A-law by code."""
    code = np.arange(256) ^ 0x55
    part, step = (code >> 4) & 7, (code & 0x0F) << 4
    size = np.where(part == 0, step + 8, (step + 0x108) << np.maximum(part - 1, 0))
    return np.where(code & 0x80, size, -size).astype("<i2")


_LAWS = {"MB": _mu_law(), "AB": _a_law()}


def thin_samples(stored: Samples, padding: int | None, columns: int) -> tuple[Numbers, Numbers]:
    """Return the samples to draw in so many columns: of each, lowest and highest, in the order in which they came.

    So no peak is lost. What is padding is not there: NaN stands where a whole column is.

    Returns:
        Positions in samples, and stored values; few samples come back as they are.
    """
    count = len(stored)
    if count <= 2 * columns:
        values = stored.astype(np.float64)
        if padding is not None:
            values[stored == padding] = np.nan
        return np.arange(count, dtype=np.float64), values
    width = -(-count // columns)
    rows = -(-count // width)
    # The last column is filled up with its last sample.
    blocks = np.concatenate((stored, np.repeat(stored[-1:], rows * width - count))).reshape(rows, width)
    taken = None if padding is None else blocks != padding
    lowest = (blocks if taken is None else np.where(taken, blocks, np.inf)).argmin(axis=1)
    highest = (blocks if taken is None else np.where(taken, blocks, -np.inf)).argmax(axis=1)
    pairs = np.sort(np.column_stack((lowest, highest)), axis=1)
    values = np.take_along_axis(blocks, pairs, axis=1).astype(np.float64)
    if taken is not None:
        values[~np.take_along_axis(taken, pairs, axis=1)] = np.nan
    positions = np.minimum(pairs + np.arange(rows)[:, None] * width, count - 1)
    return positions.ravel().astype(np.float64), values.ravel()
