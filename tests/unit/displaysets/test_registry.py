"""The promise that each instance ends in exactly one display set, whatever the handlers do."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import make_context, make_instances
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid

from desktop.dicom.records import Instance
from desktop.displaysets.model import DisplaySet, make_display_set
from desktop.displaysets.modes import MODES, Mode, with_handlers
from desktop.displaysets.registry import make_display_sets, sort_display_sets

NOBODY = Mode("test", "Test", ())
"""A mode without handlers."""

_CLASSES = [
    uid.CTImageStorage,
    uid.MRImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.RTDoseStorage,
    uid.SegmentationStorage,
    uid.BasicTextSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.KeyObjectSelectionDocumentStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.TwelveLeadECGWaveformStorage,
    uid.VLWholeSlideMicroscopyImageStorage,
    uid.ParametricMapStorage,
    uid.EncapsulatedPDFStorage,
    uid.EncapsulatedSTLStorage,
    "1.2.3.4",
    "",
]
_TRAITS = [
    *(("EchoTime", 1.0), ("EchoTime", 2.0), ("DiffusionBValue", 1000.0), ("ConvolutionKernel", "B30f")),
    *(
        ("AcquisitionNumber", 2.0),
        ("ReferencedSeries", "1.2.3"),
        ("AbsentSeries", "1.2.4"),
        ("ConceptName", "126000 DCM"),
        ("Label", "A label"),
    ),
    *(("DiffusionGradientOrientation", (1.0, 0.0, 0.0)), ("MultiplexGroups", 1.0), ("MultiplexGroups", 2.0)),
]
_vectors = st.one_of(st.none(), st.tuples(*[st.floats(-100, 100) for _ in range(3)]))
_cosines = st.one_of(st.none(), st.just((1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), st.just((0.0, 1.0, 0.0, 0.0, 0.0, -1.0)))


@st.composite
def any_instance(draw: st.DrawFn) -> Instance:
    return Instance(
        SOPInstanceUID="1",
        SOPClassUID=draw(st.sampled_from(_CLASSES)),
        Modality=draw(st.sampled_from(["CT", "MR", "CR", "MG", "US", "NM", "PT", ""])),
        InstanceNumber=draw(st.one_of(st.none(), st.integers(-5, 5))),
        NumberOfFrames=draw(st.sampled_from([None, 0, 1, 2, 10])),
        Rows=draw(st.sampled_from([None, 0, 8, 16])),
        Columns=8,
        SamplesPerPixel=draw(st.sampled_from([None, 1, 3])),
        ImagePositionPatient=draw(_vectors),
        ImageOrientationPatient=draw(_cosines),
        traits=draw(st.lists(st.sampled_from(_TRAITS), max_size=4).map(tuple)),
        time_points=draw(st.sampled_from([0, 2])),
        TransferSyntaxUID=draw(st.sampled_from(["", uid.ExplicitVRLittleEndian, uid.MPEG2MPML])),
        has_pixels=draw(st.booleans()),
    )


@given(st.lists(any_instance(), max_size=12), st.sampled_from([*MODES.values(), NOBODY]))
def test_each_instance_ends_in_exactly_one_set(drawn: list[Instance], mode: Mode):
    instances = [replace(item, SOPInstanceUID=f"1.{number}") for number, item in enumerate(drawn)]
    sets = make_display_sets(instances, mode)
    landed = sorted(item.SOPInstanceUID for made in sets for item in made.instances)
    assert landed == sorted(item.SOPInstanceUID for item in instances)
    assert all(len({item.SOPClassUID for item in made.instances}) == 1 for made in sets)
    assert len({made.displaySetInstanceUID for made in sets}) == len(sets)
    for made in sets:
        made.to_json()
    again = make_display_sets(instances[::-1], mode)
    assert {made.displaySetInstanceUID for made in again} == {made.displaySetInstanceUID for made in sets}


def test_classes_are_kept_apart():
    instances = make_instances(2) + [
        replace(item, SOPInstanceUID="2." + item.SOPInstanceUID, SOPClassUID=uid.MRImageStorage)
        for item in make_instances(2)
    ]
    assert [made.SOPClassUID for made in make_display_sets(instances)] == [
        uid.CTImageStorage,
        uid.MRImageStorage,
    ]


def test_what_nobody_shows_says_why():
    (made,) = make_display_sets(make_instances(2, SOPClassUID=uid.BasicTextSRStorage), NOBODY)
    assert made.unsupported
    assert made.SOPClassHandlerId == "unsupported"
    assert [message.to_json() for message in made.messages] == [
        {"id": 14, "name": "UNSUPPORTED_SOP_CLASS_UID", "args": {"sopClassUid": uid.BasicTextSRStorage}}
    ]
    (made,) = make_display_sets(make_instances(1, SOPClassUID="", Rows=None), NOBODY)
    assert [message.code.name for message in made.messages] == ["MISSING_SOP_CLASS_UID"]


class Taking:
    """A handler that takes the first instance only."""

    name = "taking"
    id = "test.sopClassHandlerModule.taking"
    sop_class_uids = frozenset({uid.CTImageStorage})

    def get_display_sets_from_series(self, instances: Sequence[Instance]) -> list[DisplaySet]:
        return [make_display_set(self.id, instances[:1])]


def test_what_a_handler_leaves_goes_to_the_next_and_is_never_dropped():
    taking = Taking()
    sets = make_display_sets(make_instances(3), Mode("test", "Test", (taking, taking)))
    assert [len(made.instances) for made in sets] == [1, 1, 1]
    assert [made.unsupported for made in sets] == [False, False, True]
    assert {made.coverage for made in sets} == {"2 of 3 images"}


def _own(answer: Callable[[Sequence[Instance]], Any]) -> Any:
    class Handler(Taking):
        def get_display_sets_from_series(self, instances: Sequence[Instance]) -> Any:
            return answer(instances)

    return Handler()


PATIENT = "Doe^Jane"


def _raise(_: Sequence[Instance]) -> Any:
    raise KeyError(PATIENT)


@pytest.mark.parametrize(
    "answer",
    [
        _raise,
        lambda _: None,
        lambda _: ["no set"],
        lambda instances: {instances[0]: 1},
        lambda _: [make_display_set("x", make_instances(9)[8:])],
        lambda instances: [make_display_set("x", instances), make_display_set("x", instances[:1])],
        lambda instances: [make_display_set("x", [instances[0], instances[0]])],
        lambda instances: [replace(make_display_set("x", instances), instances=())],
    ],
)
def test_a_handler_that_fails_is_named_and_the_next_one_is_asked(
    answer: Callable[[Sequence[Instance]], Any], caplog: pytest.LogCaptureFixture
):
    mode = with_handlers(MODES["viewer"], [_own(answer)])
    (made,) = make_display_sets(make_instances(3), mode)
    assert made.SOPClassHandlerId.endswith(".stack")
    (message,) = made.messages
    assert message.to_json() == {
        "id": 101,
        "name": "HANDLER_FAILED",
        "args": {"handler": "test.sopClassHandlerModule.taking"},
        "text": "The handler test.sopClassHandlerModule.taking failed. Another one shows these images.",
    }
    assert "test.sopClassHandlerModule.taking" in caplog.text
    assert "Doe" not in caplog.text


def test_images_without_pixels_are_counted_as_not_shown():
    instances = make_instances(3)
    instances[1] = replace(instances[1], has_pixels=False)
    (made,) = make_display_sets(instances)
    assert (made.imagesShown, made.imagesInSeries) == (2, 3)
    assert [message.to_json()["text"] for message in made.messages] == [
        "1 of its images have no pixels. Their files may be cut short."
    ]


def test_the_order_of_the_list():
    def made(number: int, modality: str = "CT", date: str = "20260101", time: str = "1000") -> DisplaySet:
        context = make_context(
            SeriesNumber=number, SeriesDate=date, SeriesTime=time, SeriesInstanceUID=f"1.{number}.{date}{time}"
        )
        return make_display_sets(make_instances(1, Modality=modality, context=context))[0]

    first, second, tenth = made(1), made(2), made(10)
    later, earlier = made(3, time="1100"), made(3, time="0900")
    old_report, new_report = made(0, "SR", "20250101"), made(0, "SR", "20260101")
    unordered = [old_report, tenth, later, second, new_report, first, earlier]
    assert sort_display_sets(unordered) == [first, second, earlier, later, tenth, new_report, old_report]
