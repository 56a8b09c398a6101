"""Registrations, fiducials, and what stored values mean."""

import struct
from typing import Any

import pytest
from pydicom.dataset import Dataset
from unit.documents.pages import code, dataset, head, item_of, make, reference

from desktop.documents.realworld import describe_mapping

TIMES = "\N{MULTIPLICATION SIGN}"
IDENTITY = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
MOVED = [1.0, 0, 0, 10.5, 0, 1, 0, -20, 0, 0, 1, 0, 0, 0, 0, 1]
TURNED = [0.0, -1, 0, 5, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def matrix(numbers: list[float], kind: str = "RIGID") -> Dataset:
    return dataset(FrameOfReferenceTransformationMatrixType=kind, FrameOfReferenceTransformationMatrix=numbers)


def spatial(*matrices: Dataset) -> Dataset:
    step = dataset(
        MatrixSequence=list(matrices),
        RegistrationTypeCodeSequence=code("125021", "DCM", "Frame of Reference Identity"),
    )
    part = dataset(
        FrameOfReferenceUID="1.2.50",
        ReferencedImageSequence=[reference(f"1.2.9.{number}") for number in range(6)],
        MatrixRegistrationSequence=[step],
    )
    evidence = dataset(SeriesInstanceUID="1.2.3.8", ReferencedInstanceSequence=[reference("1.2.9.0")])
    return head(
        "66.1",
        FrameOfReferenceUID="1.2.50",
        ContentDescription="PET to CT",
        RegistrationSequence=[part, part],
        ReferencedSeriesSequence=[evidence],
    )


def test_matrices_of_each_frame_of_reference() -> None:
    document, page = make(spatial(matrix(MOVED), matrix(TURNED, "AFFINE")))
    assert (document.kind, document.title) == ("registration", "PET to CT")
    for words in (
        "Registered to the frame of reference 1.2.50",
        "Images 1 Frame of reference 1.2.50 (the common one) Found by Frame of Reference Identity",
        "6 images",
        "Matrix, rigid 1 0 0 10.5 0 1 0 -20 0 0 1 0 0 0 0 1 Moves by (10.50, -20.00, 0.00) mm, does not turn.",
        "Matrix, affine 0 -1 0 5",
        "Moves by (5.00, 0.00, 0.00) mm.",
        "Images 2",
    ):
        assert words in page.text, words
    assert document.references[0].SeriesInstanceUID == "1.2.3.8"
    assert document.references[0].StudyInstanceUID == "1.2.3"


@pytest.mark.parametrize("numbers", [[], [1.0] * 15, [1.0] * 17])
def test_a_matrix_that_is_none_is_said_to_be_so(numbers: list[float]) -> None:
    _, page = make(spatial(matrix(numbers)))
    assert f"it has {len(numbers)} numbers instead of 16." in page.text


def test_a_deformation() -> None:
    part = dataset(
        SourceFrameOfReferenceUID="1.2.51",
        ReferencedImageSequence=[reference("1.2.9.1")],
        PreDeformationMatrixRegistrationSequence=[matrix(MOVED)],
        PostDeformationMatrixRegistrationSequence=[matrix(IDENTITY)],
        DeformableRegistrationGridSequence=[
            dataset(GridDimensions=[64, 32, 16], GridResolution=[2.5, 2.5, 5], ImagePositionPatient=[0, 0, 1.5])
        ],
    )
    document, page = make(head("66.3", DeformableRegistrationSequence=[part]))
    for words in (
        f"Source frame of reference 1.2.51 Grid 64 {TIMES} 32 {TIMES} 16 vectors Grid spacing [mm] 2.5, 2.5, 5",
        "Before the deformation Matrix, rigid",
        "After the deformation Matrix, rigid",
    ):
        assert words in page.text, words
    assert len(document.references) == 1


def test_a_registration_of_nothing_says_so() -> None:
    assert "The object registers nothing." in make(head("66.1"))[1].text
    assert "The object has no fiducials." in make(head("66.2"))[1].text
    assert "The object maps no values." in make(head("67"))[1].text


def test_fiducials() -> None:
    mark = dataset(
        FiducialIdentifier="F1",
        FiducialDescription="Left <ear>",
        ShapeType="POINT",
        ContourData=[1.5, 2, -3],
        NumberOfContourPoints=1,
    )
    drawn = dataset(
        FiducialIdentifier="F2",
        ShapeType="LINE",
        GraphicCoordinatesDataSequence=[
            dataset(GraphicData=[1.0, 2, 3, 4], ReferencedImageSequence=[reference("1.2.9.2", frames=[3])])
        ],
    )
    one = dataset(FrameOfReferenceUID="1.2.50", FiducialSequence=[mark, drawn])
    document, page = make(head("66.2", ContentLabel="EARS", FiducialSetSequence=[one]))
    assert (document.kind, document.title) == ("fiducials", "EARS")
    assert "F1 Left <ear> point 1 (1.50, 2.00, -3.00)" in page.text
    assert "F2 line (1.00, 2.00), (3.00, 4.00)" in page.text
    assert document.references[0].frames == (3,)


def mapping(**attributes: Any) -> Dataset:
    return dataset(
        **{
            "RealWorldValueFirstValueMapped": 0,
            "RealWorldValueLastValueMapped": 4095,
            "LUTLabel": "SUV",
            "LUTExplanation": "Body weight",
            "MeasurementUnitsCodeSequence": code("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight"),
            **attributes,
        }
    )


def mapped(*mappings: Dataset) -> Dataset:
    for one in mappings:
        one["RealWorldValueFirstValueMapped"].VR = one["RealWorldValueLastValueMapped"].VR = "US"
    group = dataset(RealWorldValueMappingSequence=list(mappings), ReferencedImageSequence=[reference("1.2.9.1")])
    return head("67", ContentLabel="SUV", ReferencedImageRealWorldValueMappingSequence=[group])


def test_what_values_mean() -> None:
    quantity = dataset(
        ConceptNameCodeSequence=code("246205007", "SCT", "Quantity"), ConceptCodeSequence=code("1", "X", "SUV")
    )
    linear = mapping(RealWorldValueSlope=0.00025, RealWorldValueIntercept=-1024, QuantityDefinitionSequence=[quantity])
    table = mapping(RealWorldValueLUTData=[0.0, 1.5, 2.5])
    document, page = make(mapped(linear, table))
    assert document.kind == "real-world-values"
    for words in (
        f"SUV Body weight 0 to 4095 value = stored {TIMES} 0.00025 \N{MINUS SIGN} 1024 Standardized Uptake Value",
        "body weight Quantity : SUV",
        "look-up table of 3 entries",
    ):
        assert words in page.text, words
    assert page.all("polyline")
    assert len(document.references) == 1


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"RealWorldValueSlope": 2.0, "RealWorldValueIntercept": 0.0}, "value = stored * 2"),
        ({"RealWorldValueSlope": 2.0, "RealWorldValueIntercept": 1.5}, "value = stored * 2 + 1.5"),
        ({"RealWorldValueSlope": -2.0}, "value = stored * -2"),
        ({}, "nothing: neither slope nor table"),
    ],
)
def test_mappings_in_words(attributes: dict[str, float], words: str) -> None:
    found = describe_mapping(item_of(dataset(**attributes)))
    assert found == words.replace("*", "\N{MULTIPLICATION SIGN}")


def test_single_precision_of_grids_is_no_concern() -> None:
    # A grid's vectors are never read: they may be a hundred million.
    part = dataset(DeformableRegistrationGridSequence=[dataset(GridDimensions=[1, 1, 1])])
    part.DeformableRegistrationGridSequence[0].VectorGridData = struct.pack("<3f", 1, 2, 3)
    assert "Grid 1" in make(head("66.3", DeformableRegistrationSequence=[part]))[1].text
