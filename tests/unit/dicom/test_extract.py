"""What is taken out of metadata for lists, searches and display sets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.dicom.extract import make_instance, make_patient, make_series, make_study, value_text
from desktop.dicom.records import Instance, Patient, Series, Study


def model(**elements: Any) -> dict[str, Any]:
    """Return a JSON Model of values by tag; ``t00100010=(vr, value…)``."""
    return {
        tag[1:]: {"vr": vr, **({"Value": list(values)} if values else {})} for tag, (vr, *values) in elements.items()
    }


def test_an_empty_data_set_gives_empty_records() -> None:
    assert make_patient({}) == Patient()
    assert make_study({}) == Study("")
    assert make_series({}) == Series("")
    assert make_instance({}) == Instance("")


def test_patient_study_and_series() -> None:
    said = model(
        t00100010=("PN", {"Alphabetic": "Doe^Jane", "Ideographic": "山田"}, {"Alphabetic": "Second"}),
        t00100020=("LO", "P1", "P2"),
        t00100021=("LO", "Hospital"),
        t00100030=("DA", "19700102"),
        t00100040=("CS", "F"),
        t0020000D=("UI", "1.2"),
        t00080020=("DA", "20260102"),
        t00080090=("PN", None),
        t00200011=("IS", 7),
        t0008103E=("LO",),
    )
    assert make_patient(said) == Patient("P1", "Hospital", "Doe^Jane=山田", "19700102", "F")
    assert make_study(said) == Study("1.2", StudyDate="20260102")
    assert make_series(said) == Series("", SeriesNumber=7)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (7.9, 7),
        (-7.9, -7),
        ("7", 7),
        ("1A", 1),
        (" +12 of 20", 12),
        ("-3", -3),
        ("A1", None),
        ("", None),
        (None, None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        (-(1 << 63), -(1 << 63)),
        (1e300, None),
        ("9" * 70, None),
        ({"Alphabetic": "7"}, None),
    ],
)
def test_numbers_as_javascript_reads_them(value: Any, number: int | None) -> None:
    assert make_instance(model(t00200013=("IS", value))).InstanceNumber == number
    assert make_series(model(t00200011=("IS", value))).SeriesNumber == number


@pytest.mark.parametrize(
    ("values", "vector"),
    [
        ([1, 2.5, -3], (1.0, 2.5, -3.0)),
        ([1, 2], None),
        ([1, 2, 3, 4], None),
        ([1, None, 3], None),
        ([1, "NaN", 3], None),
        ([1, "2", 3], None),
        ([1, 10**400, 3], None),
        ([], None),
    ],
)
def test_positions_are_whole_or_none(values: list[Any], vector: tuple[float, ...] | None) -> None:
    assert make_instance(model(t00200032=("DS", *values))).ImagePositionPatient == vector


def sequence(**elements: Any) -> tuple[Any, ...]:
    return ("SQ", model(**elements))


MEASURES, ORIENTATION, POSITION = ("has_pixel_measures", "has_orientation", "has_position")
PLANE = sequence(t00200032=("DS", 0, 0, 0))


@pytest.mark.parametrize(
    ("said", "has"),
    [
        ({}, set()),
        ({"t52009229": sequence(t00289110=PLANE)}, {MEASURES}),
        ({"t52009230": sequence(t00289110=PLANE)}, {MEASURES}),
        # An empty sequence is there, too: OHIF asks no more.
        ({"t52009230": sequence(t00289110=("SQ",))}, {MEASURES}),
        ({"t00280030": ("DS", 1, 1)}, set()),
        ({"t00280030": ("DS", 1, 1), "t00180050": ("DS", 2)}, {MEASURES}),
        ({"t00280030": ("DS", 1, 1), "t00180088": ("DS", 2)}, {MEASURES}),
        # A thickness of 0 is none, to JavaScript.
        ({"t00280030": ("DS", 1, 1), "t00180050": ("DS", 0)}, set()),
        ({"t00180050": ("DS", 2)}, set()),
        ({"t52009229": sequence(t00209116=PLANE)}, {ORIENTATION}),
        ({"t52009230": sequence(t00209116=PLANE)}, {ORIENTATION}),
        ({"t00200037": ("DS", 1, 0, 0, 0, 1, 0)}, {ORIENTATION}),
        ({"t00540022": sequence(t00200037=("DS", 1, 0, 0, 0, 1, 0))}, {ORIENTATION}),
        ({"t52009230": sequence(t00209113=PLANE)}, {POSITION}),
        ({"t52009230": sequence(t00189326=PLANE)}, {POSITION}),
        # Positions are never shared.
        ({"t52009229": sequence(t00209113=PLANE)}, set()),
        ({"t00200032": ("DS", 0, 0, 0)}, {POSITION}),
        ({"t00540022": sequence(t00200032=("DS", 0, 0, 0))}, {POSITION}),
        # Only the first frame counts, as in OHIF.
        ({"t52009230": ("SQ", {}, model(t00209113=PLANE))}, set()),
        ({"t00540022": ("SQ", None)}, set()),
    ],
)
def test_where_a_multiframe_image_says_its_geometry(said: dict[str, Any], has: set[str]) -> None:
    instance = make_instance(model(**said))
    assert {name for name in (MEASURES, ORIENTATION, POSITION) if getattr(instance, name)} == has


@pytest.mark.parametrize(
    ("frames", "slots", "points"),
    [(6, [1, 1, 2, 2, 3, 3], 3), (4, [1, 2, 1, 2], 2), (3, [1, 1, 1], 1), (4, [1, 2], 0), (1, [1], 0), (2, [], 0)],
)
def test_time_points_of_a_multiframe_image(frames: int, slots: list[int], points: int) -> None:
    said = model(t00280008=("IS", frames), t00540070=("US", *slots))
    assert make_instance(said).time_points == points


@pytest.mark.parametrize("slot", [{"Alphabetic": "A"}, "1", None, 2.5])
def test_time_slots_that_are_no_numbers_tell_nothing(slot: Any) -> None:
    said = model(t00280008=("IS", 2), t00540070=("PN", slot, slot))
    assert make_instance(said).time_points == 0


@pytest.mark.parametrize(("value", "number"), [(40, 40.0), (10**400, None), (-(10**400), None), ("x40", None)])
def test_numbers_that_are_larger_than_floats_are_none(value: Any, number: float | None) -> None:
    instance = make_instance(model(t00181063=("IS", value), t00181060=("IS", value)))
    assert instance.FrameTime == number
    assert dict(instance.traits).get("TriggerTime") == number


def test_what_tells_images_of_one_place_apart() -> None:
    said = model(
        t00200100=("IS", 2),
        t00189087=("FD", 1000.0),
        t00181060=("DS", "x"),
        t20011003=("FL", 50.0),
        t0019100C=("IS", 800),
        t00431039=("IS", 1000000050, 8, 0, 0),
    )
    assert dict(make_instance(said).traits) == {
        "TemporalPositionIdentifier": 2,
        "DiffusionBValue": 1000,
        "20011003": 50,
        "0019100c": 800,
        "00431039": 50,
    }


def test_image_types_have_all_their_values() -> None:
    assert make_instance(model(t00080008=("CS", "DERIVED", None, "AXIAL"))).ImageType == ("DERIVED", "", "AXIAL")
    assert make_instance(model(t00080008=("CS",))).ImageType == ()


@pytest.mark.parametrize("frames", [None, 0, -3, 1, 2, 40])
def test_an_instance_has_a_frame_at_least(frames: int | None) -> None:
    assert Instance("1", NumberOfFrames=frames).frames == max(1, frames or 1)


@pytest.mark.parametrize(
    ("value", "text"), [(b"1.2\0", "1.2"), (b" A B \0\0", "A B"), (b"", ""), (b"\xfc", "ü"), (b"\0\0", "")]
)
def test_text_without_padding(value: bytes, text: str) -> None:
    assert value_text(value) == text


VALUES = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just({"00100010": {"vr": "PN"}}),
)
TEXTS = ["00100010", "00100020", "0020000D", "00280004", "00080008"]
NUMBERS = ["00200011", "00200013", "00280008", "00280010", "00280100", "00181063", "00431039", "20011003"]
LISTS = ["00200032", "00200037", "00280030", "00180050", "00540070", "52009229", "52009230", "00540022"]
TAGS = st.sampled_from([*TEXTS, *NUMBERS, *LISTS])
MODELS = st.dictionaries(
    TAGS,
    st.fixed_dictionaries({"vr": st.just("LO")}, optional={"Value": st.lists(VALUES, min_size=1, max_size=7)}),
)


@given(MODELS)
def test_no_values_make_it_fail(said: dict[str, Any]) -> None:
    for make in (make_patient, make_study, make_series, make_instance):
        hash(make(said))


def test_requests_of_a_series() -> None:
    def item(**values: str) -> dict[str, Any]:
        return {tag.removeprefix("t"): {"vr": "SH", "Value": [value]} for tag, value in values.items()}

    items = [item(t00400009="S", t00401001="R"), {}, "no item", item(t00401001="R2"), item(t00321060="Thorax")]
    said: Any = {"00400275": {"vr": "SQ", "Value": items}, "00080201": {"vr": "SH", "Value": ["-0500"]}}
    assert make_series(said) == Series(
        "", TimezoneOffsetFromUTC="-0500", RequestAttributesSequence=(("S", "R"), ("", "R2"))
    )
    said["00400275"]["Value"] = [item(t00401001="R")] * 1000
    assert len(make_series(said).RequestAttributesSequence or ()) == 100
    assert make_series({"00400275": {"vr": "SQ"}}) == Series("")
