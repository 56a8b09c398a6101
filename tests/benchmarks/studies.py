"""Makes the files to measure with: CT images with a header such as scanners write, of some 120 elements.

One data set is encoded; the files are its bytes with other numbers in it, each of the length of the one before.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SIZE = 512
"""Rows and columns of an image of 0.5 MB."""

SERIES, IMAGES = 5, 50
"""Series of a study, and images of a series, in a large library."""

STUDY_IMAGES = SERIES * IMAGES

_ROOT = "1.2.826.0.1.3680043.8.498.77"

# What stands in the encoded data set where the files differ. Each is found nowhere else in it.
_STUDY, _PATIENT, _SERIES, _IMAGE = "61000001", "62000001", "63000001", "64000001"
_FAMILY, _DATE, _DESCRIPTION = "Surnames", "19090909", "Study description"
_PLACE, _TIME, _CURRENT = "-1234.125", "112233.445566", "34567"

_FAMILIES = (
    *("Andersen", "Bergmann", "Castillo", "Dimitrov", "Eriksson", "Ferreira", "Gonzalez", "Hoffmann", "Johansen"),
    *("Kowalska", "Lindgren", "Morrison", "Nakamura", "Oliveira", "Petersen", "Richards", "Santiago", "Thompson"),
)
_DESCRIPTIONS = (
    "Abdomen and liver",
    "Thorax with agent",
    "Head and the neck",
    "Spine, lower part",
    "Follow-up, thorax",
)


def make_study(folder: Path, count: int) -> list[Path]:
    """Write ``count`` CT images of 0.5 MB, of one series, and return them."""
    folder.mkdir(parents=True)
    head = _of_series(_of_study(_encode(SIZE), 0), 0)
    noise = np.random.default_rng(0).integers(0, 4000, (SIZE, SIZE), dtype=np.uint16)
    files = [folder / f"IM{number:05d}" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(_of_image(head, number) + np.roll(noise, number, axis=0).tobytes())
    return files


def make_library(folders: Iterable[Path]) -> None:
    """Write one study of :data:`STUDY_IMAGES` images into each folder.

    An image has four pixels: with none at all, the import would have something to say of each file, which is not what
    it is to be measured by.
    """
    template, pixels = _encode(2), bytes(2 * 2 * 2)
    for study, folder in enumerate(folders):
        of_study = _of_study(template, study)
        for series in range(SERIES):
            of_series = _of_series(of_study, series)
            below = folder / f"{series}"
            below.mkdir(parents=True)
            for number in range(IMAGES):
                (below / f"IM{number:05d}").write_bytes(_of_image(of_series, number) + pixels)


def make_studies(folder: Path, count: int) -> list[Path]:
    """Write ``count`` studies of one image of four pixels each, and return the files."""
    template, pixels = _encode(2), bytes(2 * 2 * 2)
    files = []
    for study in range(count):
        below = folder / f"{study // 1000:03d}"
        below.mkdir(parents=True, exist_ok=True)
        files.append(below / f"IM{study:06d}")
        files[-1].write_bytes(_of_image(_of_series(_of_study(template, study), 0), study % 50) + pixels)
    return files


def study_uid(number: int) -> str:
    """Return the Study Instance UID of a study."""
    return f"{_ROOT}.{int(_STUDY) + number}"


def series_uid(study: int, number: int) -> str:
    """Return the Series Instance UID of a series of a study."""
    return f"{study_uid(study)}.{int(_SERIES) + number}"


def patient_id(study: int) -> str:
    """Return the Patient ID of a study."""
    return f"{int(_PATIENT) + study // 2}"


def family(study: int) -> str:
    """Return the family name of a study's patient."""
    return _FAMILIES[study // 2 % len(_FAMILIES)]


def year(study: int) -> int:
    """Return the year of a study."""
    return 2000 + study % 25


def _encode(size: int) -> bytes:
    """Return the file of an image up to its pixels."""
    dataset, pixels = _describe(size), bytes(size * size * 2)
    dataset.PixelData = pixels
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()[: -len(pixels)]


def _of_study(head: bytes, number: int) -> bytes:
    """Two studies are one patient's."""
    return _put(
        head,
        (_STUDY, f"{int(_STUDY) + number}"),
        (_PATIENT, patient_id(number)),
        (_FAMILY, family(number)),
        (_DATE, f"{year(number)}{number % 12 + 1:02d}{number % 28 + 1:02d}"),
        (_DESCRIPTION, _DESCRIPTIONS[number % len(_DESCRIPTIONS)]),
    )


def _of_series(head: bytes, number: int) -> bytes:
    return _put(head, (_SERIES, f"{int(_SERIES) + number}"))


def _of_image(head: bytes, number: int) -> bytes:
    return _put(
        head,
        (_IMAGE, f"{int(_IMAGE) + number}"),
        (_PLACE, f"{number * 1.5 - 700:09.3f}"),
        (_TIME, f"1020{number % 60:02d}.{number:06d}"),
        (_CURRENT, f"{20000 + number % 97}"),
    )


def _put(head: bytes, *changes: tuple[str, str]) -> bytes:
    for old, new in changes:
        assert len(old) == len(new), new
        head = head.replace(old.encode(), new.encode())
    return head


def _describe(size: int) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.update(_identity())
    ds.update(_acquisition())
    ds.Rows = ds.Columns = size
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.SmallestImagePixelValue, ds.LargestImagePixelValue = 0, 4000
    ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1600]
    ds.WindowCenterWidthExplanation = ["WINDOW1", "WINDOW2"]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    ds.LossyImageCompression = "00"
    for group, creator in ((0x0009, "BENCH IDENTITY"), (0x0019, "BENCH ACQUISITION"), (0x0043, "BENCH PARAMETERS")):
        block = ds.private_block(group, creator, create=True)
        block.add_new(0x01, "LO", f"value of group {group:04X}")
        block.add_new(0x02, "DS", [1.5, 2.5, 3.5])
        block.add_new(0x03, "SL", 123456)
        block.add_new(0x04, "UN", bytes(range(64)))
        block.add_new(0x05, "LO", f"image {_IMAGE}")
    return ds


def _identity() -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]
    ds.SOPClassUID = CTImageStorage
    ds.StudyInstanceUID = f"{_ROOT}.{_STUDY}"
    ds.SeriesInstanceUID = f"{ds.StudyInstanceUID}.{_SERIES}"
    ds.SOPInstanceUID = f"{ds.SeriesInstanceUID}.{_IMAGE}"
    ds.FrameOfReferenceUID = f"{ds.StudyInstanceUID}.1"
    ds.InstanceCreationDate = ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = _DATE
    ds.InstanceCreationTime = ds.AcquisitionTime = ds.ContentTime = _TIME
    ds.StudyTime = ds.SeriesTime = "101500"
    ds.PatientName, ds.PatientID = f"{_FAMILY}^Given^Middle", _PATIENT
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19700102", "F", "056Y"
    ds.PatientSize, ds.PatientWeight, ds.PatientComments = 1.7, 70, "None"
    ds.AccessionNumber, ds.StudyID, ds.StudyDescription = f"A{_STUDY}", _STUDY, _DESCRIPTION
    ds.ReferringPhysicianName, ds.PerformingPhysicianName, ds.OperatorsName = "Ref^Erring", "Per^Forming", "Op^Erator"
    ds.InstitutionName, ds.InstitutionAddress = "Example hospital", "1 Example street, Example"
    ds.InstitutionalDepartmentName, ds.StationName = "Radiology", "CT01"
    ds.Manufacturer, ds.ManufacturerModelName = "Example", "Example CT"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "12345", ["1.2.3", "4.5"]
    ds.Modality, ds.SeriesDescription, ds.ProtocolName = "CT", "Axial 1.5 mm soft", "Routine"
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = _SERIES, _IMAGE, 1
    ds.ReferencedStudySequence = Sequence([_reference("1.2.840.10008.3.1.2.3.1", "1")])
    ds.ReferencedImageSequence = Sequence([_reference(CTImageStorage, "2"), _reference(CTImageStorage, "3")])
    ds.ProcedureCodeSequence = Sequence([_code("CTTHX", "CT of the thorax")])
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP1", "SPS1"
    request.RequestedProcedureDescription = "CT of the thorax"
    request.ScheduledProtocolCodeSequence = Sequence([_code("ROUTINE", "Routine")])
    ds.RequestAttributesSequence = Sequence([request])
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepStartTime = _DATE, "101500"
    ds.PerformedProcedureStepID, ds.PerformedProcedureStepDescription = "PPS1", "CT of the thorax"
    return ds


def _acquisition() -> Dataset:
    ds = Dataset()
    ds.BodyPartExamined, ds.ScanOptions, ds.PatientPosition = "CHEST", "HELICAL", "HFS"
    ds.SliceThickness, ds.SpacingBetweenSlices, ds.KVP = 1.5, 1.5, 120
    ds.DataCollectionDiameter, ds.ReconstructionDiameter = 500, 360
    ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = 1085.6, 595
    ds.GantryDetectorTilt, ds.TableHeight, ds.RotationDirection = 0, 155, "CW"
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = 500, _CURRENT, 122
    ds.FilterType, ds.GeneratorPower, ds.FocalSpots, ds.ConvolutionKernel = "FLAT", 40, 1.2, ["I31f", "3"]
    ds.DateOfLastCalibration, ds.TimeOfLastCalibration = "20260101", "060000"
    ds.SingleCollimationWidth, ds.TotalCollimationWidth, ds.SpiralPitchFactor = 0.6, 38.4, 0.9
    ds.TableSpeed, ds.TableFeedPerRotation, ds.CTDIvol, ds.ExposureModulationType = 46, 23, 8.25, "XYZ_EC"
    ds.ContrastBolusAgent, ds.ContrastBolusVolume = "Example agent", 80
    ds.ImagePositionPatient, ds.ImageOrientationPatient = ["-180", "-180", _PLACE], [1, 0, 0, 0, 1, 0]
    ds.SliceLocation, ds.PositionReferenceIndicator, ds.PixelSpacing = _PLACE, "", [0.703125, 0.703125]
    return ds


def _reference(sop_class: str, number: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, f"{_ROOT}.{_STUDY}.{number}"
    return item


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99BENCH", meaning
    return item
