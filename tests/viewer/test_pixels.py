"""The numbers in OHIF are those of the files: by pydicom's decoders, for every kind of pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from server.asking import Served
from server.pixels import shown_to_the_viewer
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
CANNOT = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What pydicom raises of pixels that it cannot decode."""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@dataclass(frozen=True)
class Sample:
    """An image of some kind."""

    kind: tuple[object, ...]
    uids: tuple[str, str, str]
    path: Path
    frames: int
    lossy: bool


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
                    yield Sample(kind, uids, paths[uids], one.frames, one.TransferSyntaxUID in LOSSY)


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
            wrong += [f"{sample.path.name}, frame {frame}, {sample.kind}: {said}"] if said else []
            right += not said
    return wrong, right


def compare_frame(sample: Sample, frame: int, shown: Decoded | str) -> str:
    """Return what is wrong with a frame; empty if nothing is."""
    try:
        values = shown_to_the_viewer(sample.path, frame)
    except CANNOT as error:
        # What pydicom cannot decode either is not shown as something else.
        return "" if isinstance(shown, str) else f"pydicom cannot: {error}"
    if isinstance(shown, str):
        return shown
    if shown.scaling:
        slope, intercept = (shown.scaling.get(name) for name in ("rescaleSlope", "rescaleIntercept"))
        values = values.astype(np.float64) * (1 if slope is None else slope) + (intercept or 0)
        values *= shown.scaling.get("suvbw") or 1
    if values.shape != shown.values.shape:
        return f"{shown.values.shape}, not {values.shape}"
    away = float(np.abs(values.astype(np.float64) - shown.values).max())
    allowed = LEVELS if sample.lossy else 1e-6 * float(np.abs(values).max()) if shown.values.dtype.kind == "f" else 0
    return f"up to {away:g} away" if away > allowed else ""


@pytest.mark.timeout(600)
def test_the_pixels_of_pydicoms_files(make_viewer: Make, pydicom_library: Served) -> None:
    wrong, right = compare(make_viewer(pydicom_library), pydicom_library, DataSource.DICOM_JSON)
    assert not wrong, "\n".join(wrong)
    assert right > 50


@pytest.mark.timeout(600)
def test_the_pixels_of_real_files(make_viewer: Make, corpus_library: Served) -> None:
    wrong, right = compare(make_viewer(corpus_library), corpus_library, DataSource.DICOM_WEB)
    assert not wrong, "\n".join(wrong)
    assert right > 150
