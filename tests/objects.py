"""Makes one study with an object of nearly every class, for tests that serve or show them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from builders import ROOT_UID, make_image, make_stack, save
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from unit.documents import plans, trees, waves
from unit.documents.pages import code, dataset, head, reference
from unit.documents.test_cda import document as cda_document
from unit.documents.test_surfaces import TRIANGLES, binary_stl

STUDY = ROOT_UID + "1"
SERIES = ROOT_UID + "1.1"
H264 = "1.2.840.10008.1.2.4.102"


@dataclass(frozen=True)
class Objects:
    """Where the objects of the study lie, by what they are."""

    folder: Path
    files: dict[str, Path]


def of_study(made: Dataset, number: int, **attributes: Any) -> Dataset:
    """Give an object the patient and study of :func:`builders.make_image`, and a series of its own."""
    image = make_image()
    for keyword in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime"),
        *("StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName"),
    ):
        setattr(made, keyword, getattr(image, keyword))
    made.SOPInstanceUID = generate_uid(ROOT_UID)
    made.SeriesInstanceUID = f"{STUDY}.{number}"
    made.SeriesNumber, made.InstanceNumber = number, 1
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def make_objects(folder: Path) -> Objects:
    """Write the study, with three CT images in it."""
    stack = make_stack(folder / "ct", 3, Rows=64, Columns=64)
    first = image_uid(stack[0])
    files = {"ct": stack[0]}
    for number, (name, made) in enumerate(
        {
            "pdf": pdf(),
            "surface": surface(),
            "state": presentation_state(first),
            "report": trees.report(
                "Findings", trees.text("Finding", "A quiet lung."), trees.image(first), sop_class="88.11"
            ),
            "measurements": trees.report(
                trees.dcm("126000", "Imaging Measurement Report"),
                trees.text("Finding", "Nothing was measured."),
                trees.image(first),
            ),
            "map": parametric_map(stack),
            "cad": trees.mammography_cad(),
            "dose report": trees.ct_dose(),
            "key objects": key_objects(first),
            "plan": plans.plan(),
            "record": plans.beams_record(),
            "ecg": waves.ecg(),
            "cda": cda(),
            "registration": registration(),
            "value mapping": value_mapping(first),
            "raw": head("66", Modality="OT"),
            "unknown": dataset(SOPClassUID="1.2.3.4.5.6", Modality="OT", ContentLabel="UNHEARD OF"),
        }.items(),
        start=10,
    ):
        attributes = {"SeriesDescription": name.capitalize()}
        files[name] = save(of_study(made, number, **attributes), folder / name.replace(" ", "_"))
    files["film"] = save(film(), folder / "film")
    return Objects(folder, files)


def image_uid(path: Path) -> str:
    """Return a file's SOP Instance UID."""
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def presentation_state(image: str, **attributes: Any) -> Dataset:
    """Return a grayscale presentation state that turns an image by 90 degrees and writes on it."""
    series = dataset(SeriesInstanceUID=SERIES, ReferencedImageSequence=[reference(image)])
    text = dataset(
        BoundingBoxAnnotationUnits="DISPLAY",
        BoundingBoxTopLeftHandCorner=[0.1, 0.1],
        BoundingBoxBottomRightHandCorner=[0.9, 0.3],
        UnformattedTextValue="Look here",
        BoundingBoxTextHorizontalJustification="LEFT",
    )
    annotation = dataset(GraphicLayer="LAYER", TextObjectSequence=[text])
    return head(
        "11.1",
        **{
            "Modality": "PR",
            "ContentLabel": "TURNED",
            "ReferencedSeriesSequence": [series],
            # As of CT: what is scaled here must not be scaled once more where it is shown.
            "RescaleSlope": 1,
            "RescaleIntercept": -1024,
            "RescaleType": "HU",
            "SoftcopyVOILUTSequence": [dataset(WindowCenter=128 - 1024, WindowWidth=256)],
            "PresentationLUTShape": "IDENTITY",
            "ImageRotation": 90,
            "ImageHorizontalFlip": "N",
            "GraphicLayerSequence": [dataset(GraphicLayer="LAYER", GraphicLayerOrder=1)],
            "GraphicAnnotationSequence": [annotation],
            **attributes,
        },
    )


def key_objects(image: str) -> Dataset:
    """Return a key object selection of one image."""
    made = trees.key_objects()
    made.ContentSequence = [trees.image(image)]
    series = dataset(SeriesInstanceUID=SERIES, ReferencedSOPSequence=[reference(image)])
    made.CurrentRequestedProcedureEvidenceSequence = [
        dataset(StudyInstanceUID=STUDY, ReferencedSeriesSequence=[series]),
    ]
    return made


def pdf() -> Dataset:
    """Return an encapsulated PDF of one page that says "Hello"."""
    content = b"BT /F1 48 Tf 100 400 Td (Hello) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(body),
    )
    return _encapsulated("104.1", body + end, "application/pdf", "DOC")


def surface() -> Dataset:
    """Return an encapsulated STL."""
    return _encapsulated("104.3", binary_stl(TRIANGLES), "model/stl", "M3D")


def cda() -> Dataset:
    """Return an encapsulated CDA document that would like to run a script."""
    section = "<component><section><title>History</title><text>Nothing to tell.</text></section></component>"
    body = f"<component><structuredBody>{section}</structuredBody></component>"
    return _encapsulated("104.2", cda_document(body).encode(), "text/XML", "DOC")


def _encapsulated(sop_class: str, data: bytes, mime: str, modality: str) -> Dataset:
    return head(
        sop_class,
        Modality=modality,
        MIMETypeOfEncapsulatedDocument=mime,
        EncapsulatedDocument=data + b"\0" * (len(data) % 2),
        EncapsulatedDocumentLength=len(data),
        DocumentTitle="A document",
        ConversionType="WSD",
    )


def registration() -> Dataset:
    """Return a spatial registration: one series is moved by 10 mm."""
    matrix = dataset(
        FrameOfReferenceTransformationMatrix=[1, 0, 0, 10, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
        FrameOfReferenceTransformationMatrixType="RIGID",
    )
    moved = dataset(
        FrameOfReferenceUID=ROOT_UID + "1.2",
        MatrixRegistrationSequence=[dataset(MatrixSequence=[matrix])],
    )
    return head("66.1", Modality="REG", ContentLabel="MOVED", RegistrationSequence=[moved])


def parametric_map(stack: Sequence[Path], **attributes: Any) -> Dataset:
    """Return a map over a stack of :func:`builders.make_stack`: 0.7 in the middle of each image, else 0."""
    images = [reference(image_uid(path)) for path in stack]
    values = np.zeros((len(stack), 64, 64), np.float32)
    values[:, 16:48, 16:48] = 0.7
    measures = dataset(PixelSpacing=[0.5, 0.5], SliceThickness=2, SpacingBetweenSlices=2)
    shared = dataset(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[dataset(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    frames = [
        dataset(
            PlanePositionSequence=[dataset(ImagePositionPatient=[0, 0, 2.0 * number])],
            DerivationImageSequence=[dataset(SourceImageSequence=[image])],
        )
        for number, image in enumerate(images)
    ]
    series = dataset(SeriesInstanceUID=SERIES, ReferencedInstanceSequence=images)
    return head(
        "30",
        **{
            "Modality": "OT",
            "ImageType": ["DERIVED", "PRIMARY"],
            "FrameOfReferenceUID": ROOT_UID + "1.2",
            "ContentLabel": "MAP",
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "NumberOfFrames": len(stack),
            "Rows": 64,
            "Columns": 64,
            "BitsAllocated": 32,
            "FloatPixelData": values.tobytes(),
            "ReferencedSeriesSequence": [series],
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
            **attributes,
        },
    )


def value_mapping(image: str) -> Dataset:
    """Return a real world value mapping of an image."""
    mapping = dataset(
        LUTLabel="HU",
        LUTExplanation="Hounsfield",
        RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=4095,
        RealWorldValueIntercept=-1024.0,
        RealWorldValueSlope=1.0,
        MeasurementUnitsCodeSequence=code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    )
    for keyword in ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"):
        mapping[keyword].VR = "US"
    referenced = dataset(ReferencedImageSequence=[reference(image)], RealWorldValueMappingSequence=[mapping])
    return head("67", Modality="RWV", ContentLabel="HU", ReferencedImageRealWorldValueMappingSequence=[referenced])


def film(frames: int = 12) -> Dataset:
    """Return a film in which a square moves; as MPEG-4, since nothing free writes H.264."""
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
        for number in range(frames):
            picture = np.zeros((48, 64, 3), np.uint8)
            picture[8:24, 2 * number : 2 * number + 16] = 255
            writer.write(picture)
        writer.release()
        data = path.read_bytes()
    made = make_image(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4.1",
        SeriesInstanceUID=STUDY + ".40",
        SeriesNumber=40,
        SeriesDescription="Film",
        Modality="XC",
        Rows=48,
        Columns=64,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_PARTIAL_420",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        NumberOfFrames=frames,
        FrameTime=100,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        FrameOfReferenceUID=None,
        PixelData=encapsulate([data + b"\0" * (len(data) % 2)], has_bot=False),
    )
    made.file_meta.TransferSyntaxUID = H264
    made["PixelData"].is_undefined_length = True
    return made
