"""The numbers in OHIF are those of the files: by pydicom's decoders, for every kind of pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import ROOT_UID, make_image, make_study, save
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import EnhancedCTImageStorage, PositronEmissionTomographyImageStorage, generate_uid
from server.asking import Served
from server.pixels import CANNOT, shown_to_the_viewer
from viewer.browsing import Make, Viewer
from viewer.decoded import Decoded, load
from viewer.hanging import hang, wait_for_picture

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
    # The sources differ in how they come to the metadata, not in where they get the pixels.
    chosen = list(find_samples(served))[:: 1 if source is DataSource.DICOM_JSON else 3]
    for sample in chosen:
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
    if scaling.get("modality") == "RTDOSE" and scaling.get("doseGridScaling"):
        return values * scaling["doseGridScaling"]
    return (values * scaling["rescaleSlope"] + scaling["rescaleIntercept"]) * (scaling.get("suvbw") or 1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", list(DataSource))
def test_the_pixels_of_real_files(make_viewer: Make, real_library: Served, source: DataSource) -> None:
    wrong, right = compare(make_viewer(real_library), real_library, source)
    assert not wrong, "\n".join(wrong)
    assert right > (50 if source is DataSource.DICOM_JSON else 15)


def test_a_damaged_image_is_never_shown_as_the_one_before(page: Viewer, tmp_path: Path, pydicom_files: Path) -> None:
    """OHIF's decoder of JPEG 2000 does: the test is here for all of them."""
    for name in (
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
    ):
        paths = write_damaged(pydicom_files / name, tmp_path / name)
        page.served.add(*paths)
        first, *others = (page.served.place(path) for path in paths)
        page.show(first[0])
        page.sets(1)
        before = load(page, first)
        assert isinstance(before, Decoded)
        for uids in others:
            shown = load(page, uids)
            assert isinstance(shown, str) or not np.array_equal(shown.values, before.values), name


def write_damaged(path: Path, folder: Path) -> list[Path]:
    """Write a file of one compressed frame as a study of its own: as it is, and damaged in three ways."""
    ds = dcmread(path)
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(ROOT_UID), generate_uid(ROOT_UID)
    paths = []
    for number, data in enumerate((frame, frame[: len(frame) // 2], frame[:40], b"\x55" * len(frame))):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(ROOT_UID)
        ds.PixelData = encapsulate([data])
        ds["PixelData"].is_undefined_length = True
        paths.append(save(ds, folder / str(number)))
    return paths


def show(page: Viewer, folder: Path, source: DataSource) -> list[tuple[str, str, str]]:
    """Import files of one study, show it, and return the UIDs of each file in the order of their names."""
    page.served.add(folder)
    places = [page.served.place(path) for path in sorted(folder.iterdir())]
    page.show(places[0][0], source)
    page.sets(len(page.served.app.viewing.display_sets(places[0][0])))
    return places


@pytest.mark.parametrize("source", list(DataSource))
def test_rescale_spacing_and_positions_are_the_headers(page: Viewer, tmp_path: Path, source: DataSource) -> None:
    oblique = [0.8, 0.6, 0, 0, 0, -1]
    whose = {name: generate_uid(ROOT_UID) for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    for number in range(3):
        image = make_image(
            **whose,
            InstanceNumber=number + 1,
            PixelSpacing=[0.5, 0.75],
            ImageOrientationPatient=oblique,
            ImagePositionPatient=[-0.6 * number * 2.5 + 7, 0.8 * number * 2.5 - 3, 11.5],
            RescaleSlope=1.5,
            RescaleIntercept=-1000 - number,
            BitsStored=16,
            HighBit=15,
        )
        save(image, tmp_path / "in" / f"IM{number}")
    for number, uids in enumerate(show(page, tmp_path / "in", source)):
        image = dcmread(tmp_path / "in" / f"IM{number}")
        shown = load(page, uids)
        assert isinstance(shown, Decoded)
        assert np.allclose(shown.values, image.pixel_array * 1.5 - 1000 - number)
        assert shown.spacing == (0.5, 0.75)
        assert shown.position == pytest.approx(tuple(image.ImagePositionPatient))
        assert shown.orientation == tuple(oblique)
        assert shown.window == (40, 400)


def make_pet(**attributes: Any) -> Dataset:
    """Return a PET image of an injection of 400 MBq of F-18, an hour before the scan."""
    tracer = Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = 4e8, 6586.2
    tracer.RadiopharmaceuticalStartTime = "090000"
    return make_study(
        SOPClassUID=PositronEmissionTomographyImageStorage,
        Modality="PT",
        Units="BQML",
        PatientWeight="70",
        CorrectedImage=["ATTN", "DECY"],
        DecayCorrection="START",
        SeriesDate="20260102",
        SeriesTime="100000",
        AcquisitionDate="20260102",
        AcquisitionTime="100000",
        RadiopharmaceuticalInformationSequence=[tracer],
        BitsStored=16,
        HighBit=15,
        RescaleSlope=2,
        **attributes,
    )


@pytest.mark.parametrize("source", list(DataSource))
def test_pet_is_scaled_to_standard_uptake_values(page: Viewer, tmp_path: Path, source: DataSource) -> None:
    image = make_pet()
    save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", source)
    shown = load(page, uids)
    assert isinstance(shown, Decoded)
    assert shown.scaling is not None
    # Body weight (g) over the dose that is left at the scan (Bq): QIBA's SUVbw, vendor-neutral.
    factor = 70_000 / (4e8 * 2 ** (-3600 / 6586.2))
    assert shown.scaling["suvbw"] == pytest.approx(factor, rel=1e-6)
    assert np.allclose(shown.values, image.pixel_array * 2 * factor)


@pytest.mark.parametrize("source", list(DataSource))
def test_each_frame_lies_where_its_functional_groups_say(page: Viewer, tmp_path: Path, source: DataSource) -> None:
    groups = []
    for number in (0, 1, 2):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [1.5, -2, 10.0 - 3 * number]
        group.PlanePositionSequence = [position]
        groups.append(group)
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.25, 0.5], 3
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    image = make_study(
        SOPClassUID=EnhancedCTImageStorage,
        NumberOfFrames=3,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=groups,
    )
    save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", source)
    for number in (0, 1, 2):
        shown = load(page, uids, number + 1)
        assert isinstance(shown, Decoded)
        assert np.array_equal(shown.values, image.pixel_array[number])
        assert shown.spacing == (0.25, 0.5)
        assert shown.position == (1.5, -2, 10.0 - 3 * number)


@pytest.mark.parametrize("source", list(DataSource))
def test_functional_groups_of_one_frame_count(page: Viewer, tmp_path: Path, source: DataSource) -> None:
    position, measures, orientation, values, window = (Dataset() for _ in range(5))
    position.ImagePositionPatient, orientation.ImageOrientationPatient = [1.5, -2, 10], [0, 1, 0, 0, 0, -1]
    measures.PixelSpacing, measures.SliceThickness = [0.25, 0.5], 3
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 2, -1000, "HU"
    window.WindowCenter, window.WindowWidth = 40, 400
    shared, own = Dataset(), Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    shared.PixelValueTransformationSequence, shared.FrameVOILUTSequence = [values], [window]
    own.PlanePositionSequence = [position]
    image = make_study(
        SOPClassUID=EnhancedCTImageStorage,
        NumberOfFrames=1,
        **dict.fromkeys(
            ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept")
        ),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[own],
    )
    save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", source)
    shown = load(page, uids)
    assert isinstance(shown, Decoded)
    assert np.array_equal(shown.values, image.pixel_array * 2.0 - 1000)
    assert (shown.spacing, shown.position) == ((0.25, 0.5), (1.5, -2, 10))


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("source", list(DataSource))
def test_a_dose_of_one_frame_is_scaled(
    page: Viewer, tmp_path: Path, pydicom_files: Path, source: DataSource, bits: int
) -> None:
    dose = dcmread(pydicom_files / "rtdose_1frame.dcm")
    if bits == 16:
        dose.PixelData = (dose.pixel_array >> 8).astype("u2").tobytes()
        dose.BitsAllocated, dose.BitsStored, dose.HighBit = 16, 16, 15
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dose, name, generate_uid(ROOT_UID))
    path = save(dose, tmp_path / "in" / "a")
    page.served.add(path)
    page.show(page.served.place(path)[0], source)
    page.sets(1)
    shown = load(page, page.served.place(path))
    assert isinstance(shown, Decoded)
    assert np.allclose(shown.values, dose.pixel_array * float(dose.DoseGridScaling))


@pytest.mark.parametrize("source", list(DataSource))
@pytest.mark.parametrize(
    ("slope", "intercept", "largest"),
    [(0.5, 0, 400), (0.5, -1024, 4000), (0.1, 0, 100), (0.25, 10, 960), (1, -1000, 1200)],
)
def test_fractions_are_kept_whatever_the_ends_are(
    page: Viewer, tmp_path: Path, source: DataSource, slope: float, intercept: float, largest: int
) -> None:
    values = np.linspace(0, largest, 64).astype("u2").reshape(8, 8)
    image = make_study(RescaleSlope=slope, RescaleIntercept=intercept, PixelData=values.tobytes())
    save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", source)
    shown = load(page, uids)
    assert isinstance(shown, Decoded)
    assert np.array_equal(shown.values, (values.astype("f8") * slope + intercept).astype("f4"))


@pytest.mark.parametrize(
    ("function", "ends"),
    [
        (None, (-150, 249)),
        ("LINEAR", (-150, 249)),
        ("LINEAR_EXACT", (-150, 250)),
        ("SIGMOID", (-150, 249)),
        ("UNHEARD OF", (-150, 249)),
    ],
)
def test_the_first_window_is_the_headers(
    page: Viewer, tmp_path: Path, function: str | None, ends: tuple[float, float]
) -> None:
    values = np.linspace(0, 1000, 64).astype("u2").tobytes()
    named = {"VOILUTFunction": function} if function else {}
    image = make_study(WindowCenter=50, WindowWidth=400, RescaleIntercept=-500, PixelData=values, **named)
    path = save(image, tmp_path / "in" / "a")
    show(page, tmp_path / "in", DataSource.DICOM_WEB)
    hang(page, path)
    wait_for_picture(page)
    said = page.ask("() => window.cornerstone.getEnabledElements()[0].viewport.getProperties()")
    assert (said["voiRange"]["lower"], said["voiRange"]["upper"]) == ends
    assert said["VOILUTFunction"] == (function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR")


COLOURS = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
PALETTE = {
    "PhotometricInterpretation": "PALETTE COLOR",
    **{f"{name}PaletteColorLookupTableDescriptor": [256, 0, 8] for name in ("Red", "Green", "Blue")},
    **{f"{name}PaletteColorLookupTableData": bytes(range(256)) for name in ("Red", "Green", "Blue")},
}


@pytest.mark.parametrize("form", [COLOURS, PALETTE])
def test_colours_are_not_scaled(page: Viewer, tmp_path: Path, form: dict[str, Any]) -> None:
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    image = make_study(RescaleSlope=1, RescaleIntercept=-1024, **form, **eight)
    save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", DataSource.DICOM_WEB)
    shown = load(page, uids)
    assert isinstance(shown, Decoded)
    expected = image.pixel_array if image.pixel_array.ndim == 3 else image.pixel_array[..., None].repeat(3, axis=2)
    assert np.array_equal(shown.values, expected)


def test_a_narrow_window_of_fractions_is_no_threshold(page: Viewer, tmp_path: Path) -> None:
    window, shared = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = 0.5, 1, "LINEAR"
    shared.FrameVOILUTSequence = [window]
    values = np.linspace(0, 1, 64, dtype="f4").reshape(8, 8)
    image = make_study(Modality="OT", BitsAllocated=32, SharedFunctionalGroupsSequence=[shared])
    for name in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation", "WindowCenter", "WindowWidth"):
        del image[name]
    image.add_new("FloatPixelData", "OF", values.tobytes())
    path = save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", DataSource.DICOM_WEB)
    shown = load(page, uids)
    assert isinstance(shown, Decoded)
    assert np.allclose(shown.values, values)
    hang(page, path)
    levels = np.unique(wait_for_picture(page))
    assert len(levels) > 20


@pytest.mark.parametrize("source", list(DataSource))
@pytest.mark.parametrize("is_said", [False, True])
@pytest.mark.parametrize("kind", ["u4", "i4", "f4", "f8"])
def test_the_element_decides_what_wide_pixels_are(
    page: Viewer, tmp_path: Path, source: DataSource, kind: str, *, is_said: bool
) -> None:
    values = np.arange(1, 65, dtype=kind).reshape(8, 8) * (3 if kind[0] in "ui" else 0.25)
    keyword = {"f4": "FloatPixelData", "f8": "DoubleFloatPixelData"}.get(kind, "PixelData")
    bits = values.dtype.itemsize * 8
    image = make_study(Rows=8, Columns=8, BitsAllocated=bits, RescaleSlope=1, RescaleIntercept=0)
    image.BitsStored, image.HighBit, image.PixelRepresentation = bits, bits - 1, int(kind == "i4")
    for name in ("PixelData", *(() if is_said else ("BitsStored", "HighBit", "PixelRepresentation"))):
        del image[name]
    image.add_new(keyword, {"f4": "OF", "f8": "OD"}.get(kind, "OW"), values.tobytes())
    save(image, tmp_path / "in" / "a")
    (uids,) = show(page, tmp_path / "in", source)
    shown = load(page, uids)
    assert isinstance(shown, Decoded)
    assert np.array_equal(shown.values, values)


@pytest.mark.parametrize("source", list(DataSource))
def test_a_dose_of_16_bits_is_scaled(page: Viewer, tmp_path: Path, pydicom_files: Path, source: DataSource) -> None:
    dose = dcmread(pydicom_files / "rtdose.dcm")
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dose, name, generate_uid(ROOT_UID))
    dose.PixelData = (dose.pixel_array >> 8).astype("u2").tobytes()
    dose.BitsAllocated, dose.BitsStored, dose.HighBit = 16, 16, 15
    path = save(dose, tmp_path / "in" / "a")
    page.served.add(path)
    page.show(page.served.place(path)[0], source)
    page.sets(1)
    shown = load(page, page.served.place(path), 3)
    assert isinstance(shown, Decoded)
    assert np.allclose(shown.values, dose.pixel_array[2] * float(dose.DoseGridScaling))


@pytest.mark.parametrize("source", list(DataSource))
def test_each_frame_of_a_dose_lies_at_its_offset(page: Viewer, pydicom_files: Path, source: DataSource) -> None:
    dose = dcmread(pydicom_files / "rtdose.dcm")
    page.served.add(pydicom_files / "rtdose.dcm")
    uids = page.served.place(pydicom_files / "rtdose.dcm")
    page.show(uids[0], source)
    page.sets(1)
    x, y, z = dose.ImagePositionPatient
    for number, offset in list(enumerate(dose.GridFrameOffsetVector, start=1))[::7]:
        shown = load(page, uids, number)
        assert isinstance(shown, Decoded)
        assert shown.position == pytest.approx((x, y, z + offset))
        assert np.allclose(shown.values, dose.pixel_array[number - 1] * float(dose.DoseGridScaling))
