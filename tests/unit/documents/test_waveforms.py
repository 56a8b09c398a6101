"""Waveforms: each sample in its units, each peak drawn, each gap left open."""

import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.documents import waves
from unit.documents.pages import code, dataset, item_of, make, make_from_file, no_bulk

from desktop.dicom.items import Item
from desktop.documents.document import make_document
from desktop.documents.plots import Strip, draw_paper, draw_strips
from desktop.documents.samples import Group, read_group, thin_samples
from desktop.documents.sound import make_wav


def read(source: object, padding: bytes = b"") -> Group:
    item = item_of(source)  # type: ignore[arg-type]
    group = read_group(item, item.binary("WaveformData", no_bulk), padding)
    assert group is not None
    return group


@pytest.mark.parametrize(
    ("form", "stored"),
    [
        ("SB", [-128, 0, 127]),
        ("UB", [0, 128, 255]),
        ("SS", [-32768, 0, 32767]),
        ("US", [0, 1, 65535]),
        ("SL", [-(2**31), 0, 2**31 - 1]),
        ("UL", [0, 1, 2**32 - 1]),
    ],
)
def test_samples_of_each_form(form: str, stored: list[int]) -> None:
    group = read(waves.group(np.array(stored)[:, None], [waves.channel("I")], form=form))
    assert group.samples[:, 0].tolist() == stored


@pytest.mark.parametrize(
    ("form", "pairs"),
    [
        # ITU-T G.711, Tables 1a to 2b, in 16 bits.
        ("MB", {0x00: -32124, 0x7F: 0, 0x80: 32124, 0xFF: 0, 0x8F: 16764, 0xF0: 120, 0xFE: 8}),
        ("AB", {0x2A: -32256, 0xAA: 32256, 0x55: -8, 0xD5: 8, 0xD4: 24, 0x80: 5504, 0x95: 2112}),
    ],
)
def test_compressed_samples_are_expanded(form: str, pairs: dict[int, int]) -> None:
    group = read(waves.group(np.array(list(pairs))[:, None], [waves.channel("I")], form=form))
    assert group.samples[:, 0].tolist() == list(pairs.values())


def test_compressed_samples_are_those_that_an_encoder_began_with() -> None:
    # Each code is the nearest of all: between neighbours, values rise without a gap.
    codes = np.arange(256)[:, None]
    for form in ("MB", "AB"):
        values = np.sort(read(waves.group(codes, [waves.channel("I")], form=form)).samples[:, 0].astype(int))
        steps = np.diff(values[128:])
        assert (steps[1:] >= steps[:-1]).all(), "the larger, the coarser"
        assert (values == -values[::-1]).all()


def test_physical_values() -> None:
    # PS3.3 C.10.9.1.4.5: sensitivity times correction, plus the baseline.
    source = waves.channel("ABP", 0.5, "mm[Hg]", ChannelSensitivityCorrectionFactor=2, ChannelBaseline=-10)
    group = read(waves.group([[100], [-3]], [source]))
    (channel,) = group.channels
    assert channel.physical(group.samples[:, 0].astype(float)).tolist() == [90, -13]
    assert channel.units == "mm[Hg]"


@pytest.mark.parametrize(
    ("attributes", "skew"),
    [({"ChannelTimeSkew": 0.5}, 0.5), ({"ChannelSampleSkew": 5}, 0.01), ({}, 0.0)],
)
def test_channels_may_be_later(attributes: dict[str, float], skew: float) -> None:
    group = read(waves.group([[1], [2]], [waves.channel("I", **attributes)]))
    assert group.channels[0].skew == skew


def test_names_of_channels() -> None:
    names = [("Lead I (Einthoven)", "I"), ("Lead V1", "V1"), ("Pressure", "Pressure")]
    sources = [waves.channel(name) for name, _ in names]
    group = read(waves.group([[0, 0, 0, 0]], [*sources, dataset()]))
    assert [channel.label for channel in group.channels] == ["I", "V1", "Pressure", "Channel 4"]
    labelled = waves.channel("Lead I")
    labelled.ChannelLabel = "Mine"
    assert read(waves.group([[0]], [labelled])).channels[0].label == "Mine"


def test_data_that_are_cut_short() -> None:
    source = waves.group([[1, 2], [3, 4], [5, 6]], [waves.channel("I"), waves.channel("II")])
    source.NumberOfWaveformSamples = 5
    group = read(source)
    assert (group.samples.tolist(), group.missing) == ([[1, 2], [3, 4], [5, 6]], 2)
    _, page = make(waves.waveform("9.2.1", source))
    assert "2 samples of each channel are missing: the file is cut short." in page.text


@pytest.mark.parametrize(
    "attributes",
    [{"WaveformSampleInterpretation": "XX"}, {"NumberOfWaveformChannels": 0}, {"NumberOfWaveformChannels": 65535}],
)
def test_what_cannot_be_drawn_is_said_to_be_so(attributes: dict[str, object]) -> None:
    source = waves.group([[1]], [])
    for keyword, value in attributes.items():
        setattr(source, keyword, value)
    _, page = make(waves.waveform("9.1.2", source))
    assert "These waveforms have no samples, or of a form that is not known." in page.text
    assert read_group(Item({}), b"") is None


def test_thinning_keeps_each_peak_and_its_place() -> None:
    stored = np.zeros(1_000_003, np.int16)
    stored[[7, 500_000, 999_999]] = (300, -400, 500)
    positions, values = thin_samples(stored, None, 1000)
    assert len(values) == 2000
    assert {7: 300.0, 500_000: -400.0, 999_999: 500.0}.items() <= dict(
        zip(positions.tolist(), values.tolist(), strict=True)
    ).items()
    assert (np.diff(positions) >= 0).all()


def test_few_samples_are_left_as_they_are() -> None:
    positions, values = thin_samples(np.array([3, 1, 2], np.int16), None, 1000)
    assert (positions.tolist(), values.tolist()) == ([0, 1, 2], [3, 1, 2])


@given(
    st.lists(st.integers(-100, 100), min_size=1, max_size=400),
    st.integers(1, 30),
    st.one_of(st.none(), st.integers(-100, 100)),
)
def test_the_highest_and_the_lowest_are_never_lost(stored: list[int], columns: int, padding: int | None) -> None:
    _, values = thin_samples(np.array(stored, np.int16), padding, columns)
    kept = [value for value in stored if value != padding]
    drawn = values[~np.isnan(values)]
    assert len(values) <= max(2 * columns, 1)
    if kept:
        assert (drawn.min(), drawn.max()) == (min(kept), max(kept))
        assert set(drawn.tolist()) <= set(kept)
    else:
        assert not len(drawn)


def test_a_signal_at_its_highest_is_not_taken_for_padding() -> None:
    stored = np.full(40, 32767, np.int16)
    stored[::2] = -1
    _, values = thin_samples(stored, -1, 4)
    assert values.tolist() == [32767.0] * 8


def test_padding_is_a_gap() -> None:
    samples = np.array([1, 2, -999, -999, 3, 4])[:, None]
    source = waves.group(samples, [waves.channel("I")], WaveformPaddingValue=np.int16(-999).tobytes())
    _, page = make(waves.waveform("9.1.2", source))
    (trace,) = [path for path in page.all("path") if path["stroke"] == "#f2f5fb" and path.get("transform")]
    assert trace["d"].count("M") == 2, "the curve is broken where it was padded"


def test_an_electrocardiogram_is_drawn_on_paper() -> None:
    document, page = make(waves.ecg())
    assert document.kind == "waveform"
    assert "25 mm/s 10 mm/mV from 0 s to 10 s" in page.text
    for name in waves.LEADS:
        assert name in page.texts
    assert "12 channels, 500 Hz, 10 s" in page.text
    (drawing,) = page.all("svg")
    assert float(drawing["viewbox"].split()[2]) == 270, "250 mm of curve, and what is beside it"


def test_the_height_of_a_peak_on_paper() -> None:
    values = np.zeros(500)
    values[100] = 1.0
    drawn = draw_paper([Strip("I", np.arange(500) / 500, values, "mV")], 1.0, 0.0)
    found = re.search(r'd="M(\d+) (\d+)l([-\d ]+)"', drawn)
    assert found
    moves = list(map(int, found[3].split()))
    # Twenty steps a mm: 10 mm up for 1 mV, 25 mm in a second.
    assert (min(moves[1::2]), max(moves[1::2])) == (-200, 200)
    assert sum(moves[::2]) == pytest.approx(25 * 20 * 499 / 500, abs=1)


def test_high_curves_are_drawn_smaller_and_it_is_said() -> None:
    values = np.array([0.0, 30.0, 0.0])
    drawn = draw_paper([Strip("I", np.arange(3.0), values, "mV")], 3.0, 0.0)
    assert "1.25 mm/mV" in drawn


def test_other_signals_have_scales_of_their_own() -> None:
    sources = [waves.channel("ABP", 0.5, "mm[Hg]"), waves.channel("Flow", 2, "l/min")]
    samples = np.column_stack((np.linspace(100, 240, 400), np.linspace(-3, 5, 400)))
    _, page = make(waves.waveform("9.2.1", waves.group(samples, sources, 100, MultiplexGroupTimeOffset=2000)))
    for words in ("ABP 120 mm[Hg] 50 mm[Hg]", "Flow 10 l/min -6 l/min", "2 channels, 100 Hz, 4 s"):
        assert words in page.text, words
    assert "2 s" in page.texts, "the group begins at 2 s"


def test_several_groups_are_all_shown() -> None:
    first = waves.group([[1], [2]], [waves.channel("I")], MultiplexGroupLabel="RHYTHM")
    second = waves.group([[1], [2]], [waves.channel("II")], MultiplexGroupLabel="BEAT")
    _, page = make(waves.waveform("9.1.1", first, second))
    assert "RHYTHM 1 channel" in page.text
    assert "BEAT 1 channel" in page.text
    assert len(page.all("svg")) == 2


def test_values_without_a_scale_are_said_to_be_so() -> None:
    _, page = make(waves.waveform("9.1.2", waves.group([[1], [200]], [waves.channel("I", None)])))
    assert "The file does not say what stored values mean" in page.text


def test_a_long_recording_has_pages_and_an_overview() -> None:
    source = waves.ecg(60, "9.1.3")
    _, page = make(source)
    assert "0 s to 10 s of 60 s" in page.text
    assert page.all("a", class_="view")[0]["data-kind"] == "waveform:10"
    assert len(page.all("svg")) == 2
    document, page = make(source, "waveform:55")
    assert document.kind == "waveform"
    assert "55 s to 60 s of 60 s" in page.text
    assert page.all("a", class_="view")[0]["data-kind"] == "waveform:45"
    _, page = make(source, "waveform:9999")
    assert "55 s to 60 s of 60 s" in page.text


def test_a_day_is_soon_drawn_and_bounded() -> None:
    samples = np.tile(waves.beats(60, 128, 3), (24 * 60, 1)).astype("<i2")
    samples[5_000_000, 1] = 20_000
    source = waves.group(samples[:1], [waves.channel(name) for name in "ABC"], 128)
    source.NumberOfWaveformSamples = len(samples)
    source.add_new("WaveformData", "OW", b"\0\0")
    item = item_of(waves.waveform("9.1.3", source))
    inner = item.items("WaveformSequence")[0].model
    inner["54001010"] = {"vr": "OW", "BulkDataURI": "/x"}
    data = samples.tobytes()
    before = time.process_time()
    document = make_document(item, lambda uri: data)
    assert time.process_time() - before < 10
    assert len(document.html) < 1_000_000
    assert "2e+04 uV" in document.html, "one high sample in eleven millions is seen in the overview"


def test_a_slow_signal_has_longer_pages() -> None:
    source = waves.group(np.zeros((30_000, 1)), [waves.channel("Resp", 1, "l")], 25)
    assert "0 s to 80 s of 1200 s" in make(waves.waveform("9.6.1", source))[1].text


def test_sound_can_be_heard() -> None:
    samples = (1000 * np.sin(np.arange(8000) / 10)).astype(int)[:, None]
    _, page = make(waves.waveform("9.4.1", waves.group(samples, [waves.channel("Voice", None)], 8000)))
    (player,) = page.all("audio")
    assert player["src"].startswith("data:audio/wav;base64,UklGR")


@pytest.mark.parametrize(
    ("form", "stored", "heard"),
    [
        ("UB", [0, 128, 255], [-32768, 0, 32512]),
        ("SB", [-128, 0, 127], [-32768, 0, 32512]),
        ("SS", [-5, 7, 9], [-5, 7, 9]),
        ("US", [0, 32768, 65535], [-32768, 0, 32767]),
        ("SL", [-(2**31), 65536, 2**31 - 1], [-32768, 1, 32767]),
        ("MB", [0x00, 0xFF, 0x80], [-32124, 0, 32124]),
    ],
)
def test_sound_of_each_form(form: str, stored: list[int], heard: list[int]) -> None:
    import io
    import wave

    made = make_wav(read(waves.group(np.array(stored)[:, None], [waves.channel("V")], 8000, form)))
    assert made is not None
    with wave.open(io.BytesIO(made)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (1, 8000, 2)
        assert np.frombuffer(sound.readframes(9), "<i2").tolist() == heard


def test_sound_that_is_too_long_is_not_played() -> None:
    samples = np.zeros((4_100_000, 1), np.int8)
    assert make_wav(read(waves.group(samples, [waves.channel("V")], 8000, "SB"))) is None
    assert make_wav(read(waves.group(samples[:10], [waves.channel("V")], 0, "SB"))) is None


def test_annotations() -> None:
    source = waves.ecg()
    source.WaveformAnnotationSequence = [
        dataset(UnformattedTextValue="Sinus rhythm <normal>", ReferencedWaveformChannels=[1, 0]),
        dataset(
            ConceptNameCodeSequence=code("5.13.5-7", "SCPECG", "PR Interval"),
            NumericValue=161,
            MeasurementUnitsCodeSequence=code("ms", "UCUM", "ms"),
        ),
        dataset(
            ConceptNameCodeSequence=code("5.10.3-1", "SCPECG", "P Onset"),
            TemporalRangeType="POINT",
            ReferencedWaveformChannels=[1, 2],
            ReferencedSamplePositions=[251],
        ),
        dataset(
            ConceptNameCodeSequence=code("1", "X", "Noise"),
            TemporalRangeType="SEGMENT",
            ReferencedWaveformChannels=[1, 0, 9, 9],
            ReferencedTimeOffsets=[1.5, 2],
        ),
    ]
    _, page = make(source)
    for words in (
        "Interpretation Sinus rhythm <normal> PR Interval 161 ms",
        "Marks 2",
        "0.500 s II P Onset",
        "1.500 \N{EN DASH} 2.000 s all of 1, 9/9 Noise",
    ):
        assert words in page.text, words
    assert page.text.index("Sinus rhythm") < page.text.index("12 channels")


def test_strips_of_nothing_are_drawn_too() -> None:
    nothing = Strip("x", np.zeros(0), np.zeros(0), "mV")
    holes = Strip("y", np.arange(3.0), np.full(3, np.nan), "mV")
    assert "svg" in draw_paper([nothing, holes], 0.0, 0.0)
    assert "svg" in draw_strips([nothing, holes], 0.0, 0.0)
    huge = Strip("z", np.arange(3.0), np.array([1e300, -1e300, 0.0]), "mV")
    assert "svg" in draw_paper([huge], 3.0, 0.0)
    assert "svg" in draw_strips([huge], 3.0, 0.0)


def test_an_electrocardiogram_of_pydicom(pydicom_files: Path) -> None:
    document, page = make_from_file(pydicom_files / "waveform_ecg.dcm")
    assert document.kind == "waveform"
    for words in (
        "RITMO SINUSALE ECG NORMALE",
        "RR Interval 982 ms",
        "RHYTHM 12 channels, 1000 Hz, 10 s",
        "MEDIAN BEAT 12 channels, 1000 Hz, 1.2 s",
        "0.298 s all of RHYTHM P Onset",
    ):
        assert words in page.text, words
