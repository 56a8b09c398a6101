"""Which handler takes which object, in which mode."""

from dataclasses import replace
from typing import Any

import pytest
from builders import make_context, make_instances
from pydicom import uid

from desktop.dicom.records import Instance
from desktop.dicom.uids import VIDEO_SYNTAXES
from desktop.displaysets.handlers import ohif
from desktop.displaysets.handlers.single import own
from desktop.displaysets.model import SopClassHandler, View
from desktop.displaysets.modes import MODES, find_mode
from desktop.displaysets.registry import make_display_sets
from desktop.errors import UsageError

NO_IMAGE: dict[str, Any] = {"Rows": None, "Columns": None, "has_pixels": False}
MEASURED: dict[str, Any] = {**NO_IMAGE, "traits": (("ConceptName", "126000 DCM"),)}
TEXT: dict[str, Any] = {**NO_IMAGE, "traits": (("ConceptName", "11528-7 LN"),)}
REFERS: dict[str, Any] = {"traits": (("ReferencedSeries", "1.2.3"),)}
FILM: dict[str, Any] = {"TransferSyntaxUID": uid.MPEG4HP41, "NumberOfFrames": 120}


def classify(sop_class: str, mode: str = "viewer", **fields: Any) -> list[tuple[str, View]]:
    instances = make_instances(1, SOPClassUID=sop_class, **fields)
    return [(made.SOPClassHandlerId, made.view) for made in make_display_sets(instances, MODES[mode])]


@pytest.mark.parametrize(
    ("sop_class", "fields", "handler", "view"),
    [
        (uid.CTImageStorage, {}, ohif.STACK, View.OHIF),
        (uid.RTDoseStorage, {}, ohif.STACK, View.OHIF),
        (uid.RTDoseStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        (uid.VideoEndoscopicImageStorage, FILM, ohif.VIDEO, View.VIDEO),
        (uid.VideoPhotographicImageStorage, FILM, ohif.VIDEO, View.VIDEO),
        (uid.VideoPhotographicImageStorage, {"TransferSyntaxUID": uid.JPEGBaseline8Bit}, ohif.STACK, View.OHIF),
        (uid.MultiFrameTrueColorSecondaryCaptureImageStorage, {"NumberOfFrames": 120}, ohif.STACK, View.OHIF),
        (uid.MultiFrameTrueColorSecondaryCaptureImageStorage, FILM, ohif.VIDEO, View.VIDEO),
        (uid.UltrasoundMultiFrameImageStorage, {"TransferSyntaxUID": uid.MPEG2MPML}, ohif.VIDEO, View.VIDEO),
        (uid.TwelveLeadECGWaveformStorage, {**NO_IMAGE, "traits": (("MultiplexGroups", 1.0),)}, ohif.ECG, View.OHIF),
        (
            uid.TwelveLeadECGWaveformStorage,
            {**NO_IMAGE, "traits": (("MultiplexGroups", 2.0),)},
            own("waveform"),
            View.DOCUMENT,
        ),
        (uid.RespiratoryWaveformStorage, NO_IMAGE, own("waveform"), View.DOCUMENT),
        (uid.BasicVoiceAudioWaveformStorage, NO_IMAGE, own("waveform"), View.DOCUMENT),
        (uid.VLWholeSlideMicroscopyImageStorage, {}, ohif.WHOLE_SLIDE, View.OHIF),
        (uid.SegmentationStorage, REFERS, ohif.SEGMENTATION, View.OHIF),
        ("1.2.840.10008.5.1.4.1.1.66.7", REFERS, ohif.SEGMENTATION, View.OHIF),
        (uid.SegmentationStorage, {}, ohif.STACK, View.OHIF),
        (uid.ParametricMapStorage, REFERS, ohif.PARAMETRIC_MAP, View.OHIF),
        (uid.ParametricMapStorage, {}, ohif.STACK, View.OHIF),
        (uid.RTStructureSetStorage, {**NO_IMAGE, **REFERS}, ohif.STRUCTURE_SET, View.OHIF),
        (uid.RTStructureSetStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        (uid.ComprehensiveSRStorage, MEASURED, ohif.REPORT, View.OHIF),
        (uid.Comprehensive3DSRStorage, MEASURED, ohif.REPORT_3D, View.OHIF),
        (uid.Comprehensive3DSRStorage, TEXT, own("report"), View.DOCUMENT),
        (uid.BasicTextSRStorage, TEXT, own("report"), View.DOCUMENT),
        (uid.EnhancedSRStorage, TEXT, own("report"), View.DOCUMENT),
        (uid.MammographyCADSRStorage, NO_IMAGE, own("report"), View.DOCUMENT),
        (uid.XRayRadiationDoseSRStorage, NO_IMAGE, own("report"), View.DOCUMENT),
        (uid.KeyObjectSelectionDocumentStorage, NO_IMAGE, own("key-objects"), View.DOCUMENT),
        (uid.EncapsulatedPDFStorage, NO_IMAGE, ohif.PDF, View.OHIF),
        (uid.EncapsulatedCDAStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        (uid.EncapsulatedSTLStorage, NO_IMAGE, own("surface"), View.MESH),
        (uid.EncapsulatedOBJStorage, NO_IMAGE, own("surface"), View.MESH),
        (
            uid.EncapsulatedOBJStorage,
            {**NO_IMAGE, "traits": (("MIMETypeOfEncapsulatedDocument", "model/mtl"),)},
            own("page"),
            View.DOCUMENT,
        ),
        (uid.SurfaceSegmentationStorage, NO_IMAGE, own("surface"), View.MESH),
        (uid.GrayscaleSoftcopyPresentationStateStorage, NO_IMAGE, own("presentation-state"), View.PRESENTED),
        (uid.ColorSoftcopyPresentationStateStorage, NO_IMAGE, own("presentation-state"), View.PRESENTED),
        (uid.RTPlanStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        (uid.SpatialRegistrationStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        (uid.RealWorldValueMappingStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        (uid.RawDataStorage, NO_IMAGE, own("page"), View.DOCUMENT),
        ("1.2.3.4.5", NO_IMAGE, own("page"), View.DOCUMENT),
        ("1.2.3.4.5", {}, ohif.STACK, View.OHIF),
        ("1.2.840.10008.5.1.4.1.1.6", {}, ohif.STACK, View.OHIF),
        ("1.2.840.10008.5.1.4.1.1.77.1.5.5", {}, ohif.STACK, View.OHIF),
        ("1.9.451.13215.7.3.2.7.6.1", {**NO_IMAGE, "Modality": "CHT"}, ohif.CHART, View.OHIF),
        ("", NO_IMAGE, own("page"), View.DOCUMENT),
    ],
)
def test_who_takes_what(sop_class: str, fields: dict[str, Any], handler: str, view: View) -> None:
    assert classify(sop_class, **fields) == [(handler, view)]


@pytest.mark.parametrize(
    ("sop_class", "mode", "fields", "handler"),
    [
        (uid.Comprehensive3DSRStorage, "microscopy", MEASURED, ohif.MICROSCOPY_REPORT),
        ("1.2.840.10008.5.1.4.1.1.91.1", "microscopy", NO_IMAGE, ohif.MICROSCOPY_ANNOTATION),
        ("1.2.840.10008.5.1.4.1.1.91.1", "viewer", NO_IMAGE, own("page")),
        (
            uid.TwelveLeadECGWaveformStorage,
            "usAnnotation",
            {**NO_IMAGE, "traits": (("MultiplexGroups", 1.0),)},
            own("waveform"),
        ),
        (uid.ComprehensiveSRStorage, "segmentation", MEASURED, own("report")),
    ],
)
def test_the_order_of_the_mode_decides(sop_class: str, mode: str, fields: dict[str, Any], handler: str) -> None:
    assert [found for found, _ in classify(sop_class, mode, **fields)] == [handler]


@pytest.mark.parametrize("sop_class", [uid.SegmentationStorage, uid.RTStructureSetStorage, uid.ComprehensiveSRStorage])
def test_each_object_of_a_series_has_its_set(sop_class: str) -> None:
    traits = (("ReferencedSeries", "1.2.3"), ("ConceptName", "126000 DCM"))
    sets = make_display_sets(make_instances(3, SOPClassUID=sop_class, traits=traits))
    assert [[item.InstanceNumber for item in made.instances] for made in sets] == [[1], [2], [3]]
    assert {made.coverage for made in sets} == {"3 of 3 images"}


def test_objects_are_told_apart_by_their_own_labels() -> None:
    context = make_context(SeriesDescription="Contours")
    (made,) = make_display_sets(
        make_instances(1, SOPClassUID=uid.RTPlanStorage, context=context, traits=(("Label", "Boost"),), **NO_IMAGE)
    )
    assert (made.label, made.part) == ("Contours, Boost", "Boost")


def test_all_levels_of_a_slide_are_one_set() -> None:
    (made,) = make_display_sets(make_instances(4, SOPClassUID=uid.VLWholeSlideMicroscopyImageStorage, Modality="SM"))
    assert (len(made.instances), made.Modality) == (4, "SM")


def test_a_series_of_several_pyramids_has_a_set_for_each() -> None:
    def level(size: float, **traits: str) -> list[Instance]:
        told = (("TotalPixelMatrix", (size, size)), *traits.items())
        kind = ("ORIGINAL", "PRIMARY", "VOLUME", "NONE")
        return make_instances(1, SOPClassUID=uid.VLWholeSlideMicroscopyImageStorage, traits=told, ImageType=kind)

    def sizes(*levels: list[Instance]) -> list[list[Any]]:
        instances = [replace(item, SOPInstanceUID=f"1.{number}") for number, (item,) in enumerate(levels)]
        return [
            [item.trait("TotalPixelMatrix")[0] for item in made.instances]  # type: ignore[index]
            for made in make_display_sets(instances)
        ]

    assert sizes(level(4000), level(1000), level(250)) == [[4000, 1000, 250]]
    assert sizes(level(4000), level(4000), level(1000)) == [[4000, 1000], [4000]]
    assert sizes(level(4000, OpticalPath="1"), level(4000, OpticalPath="2")) == [[4000, 4000]]
    assert sizes(level(4000, ConcatenationUID="1.2"), level(4000, ConcatenationUID="1.2")) == [[4000, 4000]]
    assert sizes(level(40, PyramidUID="1"), level(41, PyramidUID="2"), level(9)) == [[40, 9], [41]]


def test_all_syntaxes_of_films_are_known() -> None:
    named = {item for item in uid.UID_dictionary if "MPEG" in uid.UID(item).name or "HEVC" in uid.UID(item).name}
    assert {item for item in named if uid.UID(item).type == "Transfer Syntax"} == VIDEO_SYNTAXES


def test_each_mode_ends_with_who_takes_everything() -> None:
    for mode in MODES.values():
        assert mode.handler_ids[-1] == own("page")
        assert len(set(mode.handlers)) == len(mode.handlers)
        assert all(isinstance(handler, SopClassHandler) for handler in mode.handlers)
        assert all(handler.id == handler.id.rpartition(".")[0] + "." + handler.name for handler in mode.handlers)
    assert find_mode("viewer") is MODES["viewer"]
    with pytest.raises(UsageError, match=r"no mode 'cinema'\. There are: viewer, basic"):
        find_mode("cinema")


@pytest.mark.parametrize(
    ("bits", "floats", "handler"),
    [(32, 32.0, "dicom-pmap"), (64, None, "stack"), (64, 64.0, "stack"), (32, 64.0, "stack"), (64, 32.0, "dicom-pmap")],
)
def test_a_map_of_64_bits_lies_over_no_images(bits: int, floats: float | None, handler: str):
    traits = (("ReferencedSeries", "1.2.3"), *((("FloatBits", floats),) if floats else ()))
    (made,) = make_display_sets(
        make_instances(1, SOPClassUID=uid.ParametricMapStorage, Modality="PMAP", BitsAllocated=bits, traits=traits)
    )
    assert made.SOPClassHandlerId.endswith(f".{handler}")
