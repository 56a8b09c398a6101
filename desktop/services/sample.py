"""Writes a study to try the program with: a head of simple shapes, as CT images of no real person."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from ..dicom.uids import make_uid
from ..errors import InputError

SLICES = 40
SIZE = 256
SPACING, THICKNESS = 0.9, 3.0
"""Millimetres between pixels and between slices."""

_INTERCEPT = -1024

# Ellipsoids in parts of the head's half axes: centre x, y, z; half axes x, y, z; turn in degrees; Hounsfield units.
_SHAPES = (
    ((0.0, 0.0, 0.0), (0.78, 0.95, 0.98), 0, 40),  # skin
    ((0.0, 0.0, 0.0), (0.73, 0.90, 0.93), 0, 900),  # skull
    ((0.0, 0.0, 0.0), (0.66, 0.83, 0.86), 0, 35),  # brain
    ((0.20, -0.05, 0.08), (0.10, 0.30, 0.25), -18, 5),  # ventricles
    ((-0.20, -0.05, 0.08), (0.10, 0.30, 0.25), 18, 5),
    ((0.0, 0.45, -0.05), (0.16, 0.14, 0.20), 0, 45),
    ((-0.36, 0.30, 0.20), (0.10, 0.10, 0.14), 0, 75),  # a bleeding
    ((0.30, -0.66, -0.55), (0.16, 0.14, 0.14), 0, -950),  # orbits and sinus
    ((-0.30, -0.66, -0.55), (0.16, 0.14, 0.14), 0, -950),
    ((0.30, 0.34, 0.30), (0.03, 0.03, 0.05), 0, 1200),  # a calcification
)


def make_sample_study(folder: Path) -> Path:
    """Write the study into a new or empty folder and return it. The same files come out each time.

    Raises:
        InputError: the folder has something in it, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty. Name a new folder.")
        for number, dataset in enumerate(make_slices(), start=1):
            dataset.save_as(folder / f"CT{number:03d}.dcm", enforce_file_format=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}.") from error
    return folder


def make_slices(slices: int = SLICES, size: int = SIZE) -> Iterator[Dataset]:
    """Yield the CT images from the feet's end to the head's."""
    spacing = SPACING * SIZE / size
    for number in range(slices):
        dataset = _describe(number, slices, size, spacing)
        # Viewers show the highest slice first, so there must be something to see in it.
        pixels = _draw(number / max(slices - 1, 1) * 1.1 - 0.9, number, size)
        dataset.PixelData = (pixels - _INTERCEPT).astype("<u2").tobytes()
        yield dataset


def _draw(z: float, number: int, size: int) -> np.ndarray:
    """Return one slice in Hounsfield units; ``z`` is from -1 to 1."""
    axis = np.linspace(-1, 1, size)
    x, y = np.meshgrid(axis, axis)
    image = np.full((size, size), -1000.0)
    for (cx, cy, cz), (a, b, c), turn, value in _SHAPES:
        cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        across, along = (x - cx) * cosine + (y - cy) * sine, (y - cy) * cosine - (x - cx) * sine
        image[(across / a) ** 2 + (along / b) ** 2 + ((z - cz) / c) ** 2 <= 1] = value
    noise = np.random.default_rng(number).normal(0, 6, image.shape)
    return np.round(image + noise).clip(_INTERCEPT, 3071)


def _describe(number: int, slices: int, size: int, spacing: float) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = make_uid("sample instance", str(number), str(slices), str(size))
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260102"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101500"
    ds.AccessionNumber = "SAMPLE1"
    ds.Modality = "CT"
    ds.Manufacturer = "Negatoscope"
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = "Sample head"
    ds.SeriesDescription = "Axial 3 mm"
    ds.PatientName = "Sample^Sam"
    ds.PatientID = "SAMPLE"
    ds.PatientBirthDate = "19700101"
    ds.PatientSex = "O"
    ds.BodyPartExamined = "HEAD"
    ds.SliceThickness = THICKNESS
    ds.KVP = 120
    ds.PatientPosition = "HFS"
    ds.StudyInstanceUID = make_uid("sample study", str(slices), str(size))
    ds.SeriesInstanceUID = make_uid("sample series", str(slices), str(size))
    ds.FrameOfReferenceUID = make_uid("sample frame of reference", str(slices), str(size))
    ds.StudyID = "1"
    ds.SeriesNumber = 1
    ds.AcquisitionNumber = 1
    ds.InstanceNumber = number + 1
    half = round(spacing * (size - 1) / 2, 3)
    ds.ImagePositionPatient = [-half, -half, number * THICKNESS]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SliceLocation = number * THICKNESS
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = size
    ds.PixelSpacing = [round(spacing, 6)] * 2
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = 40, 120
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = _INTERCEPT, 1, "HU"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
