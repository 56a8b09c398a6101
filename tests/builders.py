"""Makes DICOM files for tests."""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from desktop.dicom.records import Instance, Series, SeriesContext, Study
from desktop.importers.sources import Finder, Found
from desktop.services.importing import ImportAsk

ROOT_UID = "1.2.826.0.1.3680043.8.498."


def make_image(**attributes: Any) -> Dataset:
    """Return a small CT image; ``attributes`` are set, or left out if None."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = generate_uid(ROOT_UID)
    ds.StudyInstanceUID = ROOT_UID + "1"
    ds.SeriesInstanceUID = ROOT_UID + "1.1"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doe^Jane", "P1", "19700102", "F"
    ds.StudyDate, ds.StudyTime, ds.StudyDescription, ds.StudyID = "20260102", "101500", "Abdomen", "S1"
    ds.AccessionNumber, ds.ReferringPhysicianName = "A1", "Ref^Erring"
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = "CT", 1, "Axial"
    ds.InstanceNumber = 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.FrameOfReferenceUID = ROOT_UID + "1.2"
    ds.PixelSpacing, ds.SliceThickness = [0.5, 0.5], 2
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 8, 8, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.WindowCenter, ds.WindowWidth = 0, 1, 40, 400
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    if "PixelData" not in ds and "Rows" in ds:
        count = int(ds.get("NumberOfFrames", 1) or 1) * ds.Rows * ds.Columns * ds.SamplesPerPixel
        kind = np.uint8 if ds.BitsAllocated == 8 else np.uint16
        ds.PixelData = (np.arange(count) % 251).astype(kind).tobytes()
        if len(ds.PixelData) % 2:
            ds.PixelData += b"\0"
        ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def own_uids() -> dict[str, str]:
    """Return UIDs of a study and its series that no other test uses."""
    study = f"{ROOT_UID}{next(_numbers)}"
    return {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}


_numbers = itertools.count(1_000_000)


def make_study(**attributes: Any) -> Dataset:
    """Return a small CT image of a study of its own."""
    return make_image(**own_uids() | attributes)


def save(dataset: Dataset, path: Path) -> Path:
    """Write a data set as a Part 10 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def make_stack(folder: Path, count: int, *, spacing: float = 2.0, **attributes: Any) -> list[Path]:
    """Write a stack of images, from the feet up, and return the files."""
    return [
        save(
            make_image(
                InstanceNumber=number + 1,
                ImagePositionPatient=[0, 0, number * spacing],
                SOPInstanceUID=f"{attributes.get('SeriesInstanceUID', ROOT_UID + '1.1')}.{number + 1}",
                **attributes,
            ),
            folder / f"IM{number:04d}",
        )
        for number in range(count)
    ]


def make_instances(count: int, **fields: Any) -> list[Instance]:
    """Return records of a regular stack, from the feet up."""
    common: dict[str, Any] = {
        "StudyInstanceUID": "1.2",
        "SeriesInstanceUID": "1.2.3",
        "context": make_context(),
        "SOPClassUID": CTImageStorage,
        "Modality": "CT",
        "Rows": 8,
        "Columns": 8,
        "SamplesPerPixel": 1,
        "ImageOrientationPatient": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    }
    return [
        Instance(
            **{
                "SOPInstanceUID": f"1.{number}",
                "InstanceNumber": number,
                "ImagePositionPatient": (0.0, 0.0, 2.0 * number),
                **common,
                **fields,
            }
        )
        for number in range(1, count + 1)
    ]


def make_context(**series: Any) -> SeriesContext:
    """Return the series and study that instances belong to."""
    return SeriesContext(Study("1.2"), Series(**{"SeriesInstanceUID": "1.2.3", "Modality": "CT", **series}))


def numbers(instances: Iterable[Instance]) -> list[int | None]:
    """Return the instances' numbers, in their order."""
    return [instance.InstanceNumber for instance in instances]


def ask(*paths: Path, **more: Any) -> ImportAsk:
    """Ask for an import of paths."""
    return ImportAsk(tuple(map(os.fspath, paths)), **more)


def find_all(*paths: str | Path) -> list[Found]:
    """Return all that is found below paths."""
    finder = Finder(paths)
    found: list[Found] = []
    while batch := finder.take(100):
        found += batch
    return found
