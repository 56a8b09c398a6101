"""Makes waveforms."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset
from unit.documents.pages import code, dataset, head

FORMS = {
    "SB": (8, "i1"),
    "UB": (8, "u1"),
    "MB": (8, "u1"),
    "AB": (8, "u1"),
    "SS": (16, "<i2"),
    "US": (16, "<u2"),
    "SL": (32, "<i4"),
    "UL": (32, "<u4"),
}


def channel(label: str, sensitivity: float | None = 1.0, unit: str = "uV", **attributes: Any) -> Dataset:
    """Return a channel's definition."""
    made = dataset(ChannelSourceSequence=code("2:1", "MDC", label), WaveformBitsStored=16)
    if sensitivity is not None:
        made.ChannelSensitivity = sensitivity
        made.ChannelSensitivityUnitsSequence = code(unit, "UCUM", unit)
        made.ChannelSensitivityCorrectionFactor = 1
        made.ChannelBaseline = 0
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def group(
    samples: ArrayLike, channels: list[Dataset], frequency: float = 500, form: str = "SS", **attributes: Any
) -> Dataset:
    """Return a multiplex group; ``samples`` have the shape (samples, channels)."""
    bits, kind = FORMS[form]
    values = np.asarray(samples)
    made = dataset(
        NumberOfWaveformChannels=values.shape[1],
        NumberOfWaveformSamples=values.shape[0],
        SamplingFrequency=frequency,
        WaveformBitsAllocated=bits,
        WaveformSampleInterpretation=form,
        ChannelDefinitionSequence=channels,
    )
    data = values.astype(kind).tobytes()
    made.add_new("WaveformData", "OB" if bits == 8 else "OW", data)
    for keyword, value in attributes.items():
        if isinstance(value, bytes):
            made.add_new(keyword, "OW", value)
        else:
            setattr(made, keyword, value)
    return made


def waveform(sop_class: str, *groups: Dataset, **attributes: Any) -> Dataset:
    """Return an object of these groups."""
    return head(sop_class, WaveformSequence=list(groups), **attributes)


def beats(seconds: float, frequency: float = 500, channels: int = 12) -> Any:
    """Return something like a heart's beats in microvolts, with a spike of one sample in each."""
    time = np.arange(round(seconds * frequency)) / frequency
    phase = time % 1.0
    one = 900 * np.exp(-(((phase - 0.3) / 0.012) ** 2)) + 180 * np.exp(-(((phase - 0.55) / 0.05) ** 2))
    return np.column_stack([one * (0.4 + 0.1 * number) for number in range(channels)])


LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def ecg(seconds: float = 10.0, sop_class: str = "9.1.1", **attributes: Any) -> Dataset:
    """Return an electrocardiogram of twelve leads."""
    leads = [channel(f"Lead {name}") for name in LEADS]
    return waveform(sop_class, group(beats(seconds), leads, **attributes))
