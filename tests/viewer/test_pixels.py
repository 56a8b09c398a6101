"""The numbers in OHIF are those of the files: by pydicom's decoders, for every kind of pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import ROOT_UID, save
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from server.asking import Served
from server.pixels import CANNOT, shown_to_the_viewer
from viewer.browsing import Make, Viewer
from viewer.decoded import Decoded, load

from desktop.dicom.records import Instance
from desktop.dicom.uids import LABEL_MAP_SEGMENTATION, SEGMENTATION, VIDEO_SYNTAXES
from desktop.settings import DataSource

LOSSY = frozenset(f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "81", "91", "203"))
SEGMENTATIONS = (SEGMENTATION, LABEL_MAP_SEGMENTATION)
LEVELS = 2
"""By which decoders of lossy images may differ."""

FORM = (
    *("PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@dataclass(frozen=True)
class Sample:
    """An image of some kind."""

    kind: tuple[object, ...]
    uids: tuple[str, str, str]
    path: Path
    frames: int
    syntax: str

    @property
    def lossy(self) -> bool:
        return self.syntax in LOSSY


def find_samples(served: Served) -> Iterator[Sample]:
    """Return one image of each kind of pixels, study by study."""
    paths = {uids: Path(name) for name, uids in served.places().items()}
    seen = set()
    for entry in served.app.viewing.studies():
        for made in served.app.viewing.display_sets(entry.study.StudyInstanceUID):
            for one in made.instances:
                # Segments of bits are no images: OHIF unpacks them itself.
                if not one.has_pixels or one.TransferSyntaxUID in VIDEO_SYNTAXES or one.SOPClassUID in SEGMENTATIONS:
                    continue
                uids = (one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
                kind = kind_of(one, paths[uids])
                if kind not in seen:
                    seen.add(kind)
                    yield Sample(kind, uids, paths[uids], one.frames, one.TransferSyntaxUID)


def kind_of(one: Instance, path: Path) -> tuple[object, ...]:
    """Return what decides how pixels are decoded (PS3.3 §C.7.6.3), and whether they are an image or something else."""
    ds = dcmread(path, force=True, stop_before_pixels=True)
    form = [ds.get(keyword) for keyword in FORM]
    return (one.TransferSyntaxUID, *form, one.Modality in ("RTDOSE", "PMAP"))


def compare(viewer: Viewer, served: Served, source: DataSource) -> tuple[list[str], int]:
    """Return what is wrong with which file, and how many frames were right."""
    wrong: list[str] = []
    right, study = 0, ""
    for sample in find_samples(served):
        if sample.uids[0] != study:
            study = sample.uids[0]
            viewer.show(study, source)
            viewer.sets(len(served.app.viewing.display_sets(study)))
        for frame in sorted({1, (sample.frames + 1) // 2, sample.frames}):
            said = compare_frame(sample, frame, load(viewer, sample.uids, frame))
            wrong += (
                [f"{sample.path.parent.name}/{sample.path.name}, frame {frame}, {sample.kind}: {said}"] if said else []
            )
            right += not said
    return wrong, right


def compare_frame(sample: Sample, frame: int, shown: Decoded | str) -> str:
    """Return what is wrong with a frame; empty if nothing is."""
    try:
        values = shown_to_the_viewer(sample.path, frame, sample.syntax)
    except CANNOT as error:
        # What pydicom cannot decode is not shown as something else either.
        return "" if isinstance(shown, str) else f"{shown.values.shape}, and pydicom cannot: {error}"
    if isinstance(shown, str):
        return shown
    levels = LEVELS if sample.lossy else 0
    if shown.scaling:
        levels *= abs(shown.scaling["rescaleSlope"])
        values = scale(values.astype(np.float64), shown.scaling)
    if values.shape != shown.values.shape:
        return f"{shown.values.shape}, not {values.shape}"
    away = float(np.abs(values.astype(np.float64) - shown.values).max())
    # Scaled values are of 32 bits.
    levels += 1e-6 * float(np.abs(values).max()) if shown.values.dtype.kind == "f" else 0
    return f"up to {away:g} away" if away > levels else ""


def scale(values: np.ndarray, scaling: dict[str, Any]) -> np.ndarray:
    """Return values as cornerstone scales them."""
    if scaling.get("modality") == "RTDOSE":
        return values * scaling["doseGridScaling"]
    return (values * scaling["rescaleSlope"] + scaling["rescaleIntercept"]) * (scaling.get("suvbw") or 1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", list(DataSource))
def test_the_pixels_of_real_files(make_viewer: Make, real_library: Served, source: DataSource) -> None:
    wrong, right = compare(make_viewer(real_library), real_library, source)
    assert not wrong, "\n".join(wrong)
    assert right > 50


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
    ],
)
def test_a_damaged_image_is_never_shown_as_the_one_before(
    make_viewer: Make, library: Served, tmp_path: Path, pydicom_files: Path, name: str
) -> None:
    """OHIF's decoder of JPEG 2000 does: the test is here for all of them."""
    good = dcmread(pydicom_files / name)
    frame = next(generate_frames(good.PixelData, number_of_frames=1))
    paths = [pydicom_files / name]
    for number, data in enumerate((frame[: len(frame) // 2], frame[:40], b"\x55" * len(frame))):
        good.SOPInstanceUID = good.file_meta.MediaStorageSOPInstanceUID = f"{ROOT_UID}9.{number}"
        good.PixelData = encapsulate([data])
        good["PixelData"].is_undefined_length = True
        paths.append(save(good, tmp_path / str(number)))
    library.add(*paths)
    viewer = make_viewer(library)
    study = library.place(paths[0])[0]
    viewer.show(study)
    viewer.sets(1)
    first = load(viewer, library.place(paths[0]))
    assert isinstance(first, Decoded)
    for path in paths[1:]:
        shown = load(viewer, library.place(path))
        assert isinstance(shown, str) or not np.array_equal(shown.values, first.values)
