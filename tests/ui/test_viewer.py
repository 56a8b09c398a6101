"""Files become images in OHIF: the whole way, with the real parts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from builders import make_image, make_stack, make_study, own_uids, save

from desktop.services.sample import make_sample_study
from desktop.settings import DataSource

_DISPLAY_SETS = """
window.services.displaySetService.getActiveDisplaySets().map(set => ({
  SOPClassHandlerId: set.SOPClassHandlerId,
  SeriesInstanceUID: set.SeriesInstanceUID,
  Modality: set.Modality,
  SeriesNumber: set.SeriesNumber,
  label: set.label,
  numImageFrames: set.numImageFrames,
  isMultiFrame: Boolean(set.isMultiFrame),
  isReconstructable: Boolean(set.isReconstructable),
  isDynamicVolume: Boolean(set.isDynamicVolume),
  messages: (set.messages?.messages ?? []).map(message => message.id),
  instances: set.instances.map(instance => instance.SOPInstanceUID),
}))
"""

# pydicom's own files: modality and transfer syntax differ.
_FILES = {
    "CT": "CT_small.dcm",
    "CT implicit big-endian pixels": "MR_small_bigendian.dcm",
    "MR JPEG-LS": "MR_small_jpeg_ls_lossless.dcm",
    "MR JPEG 2000": "MR_small_jp2klossless.dcm",
    "MR RLE": "MR_small_RLE.dcm",
    "US multi-frame, JPEG, YBR": "examples_ybr_color.dcm",
    "US palette": "examples_palette.dcm",
    "US RGB": "examples_rgb_color.dcm",
    "JPEG lossless": "SC_rgb_jpeg_gdcm.dcm",
}


def ours(program: Any, study: str) -> list[dict[str, Any]]:
    keys = [
        "SOPClassHandlerId",
        "SeriesInstanceUID",
        "Modality",
        "SeriesNumber",
        "label",
        "numImageFrames",
        "isMultiFrame",
        "isReconstructable",
        "isDynamicVolume",
        "instances",
    ]
    made = [display_set.to_json() for display_set in program.app.viewing.display_sets(study)]
    return [{key: item[key] for key in keys} | {"messages": [m["id"] for m in item["messages"]]} for item in made]


def image_pixels(program: Any) -> np.ndarray:
    """The picture in the viewport as it is on the screen, as grey levels."""
    image = program.window.viewer.grab().toImage()
    box = program.ask_viewport(
        "(({left, top, width, height}) => [left, top, width, height])(viewport.element.getBoundingClientRect())"
    )
    left, top, width, height = (int(value * image.devicePixelRatio()) for value in box)
    # The middle, without the letters at the rims.
    part = image.copy(left + width // 8, top + height // 8, width * 3 // 4, height * 3 // 4).convertToFormat(
        image.Format.Format_Grayscale8
    )
    return np.frombuffer(part.constBits(), np.uint8).reshape(part.height(), part.bytesPerLine())[:, : part.width()]


def assert_not_flat(program: Any) -> None:
    program.wait_for(lambda: image_pixels(program).std() > 2)


@pytest.mark.parametrize("source", list(DataSource))
def test_a_stack_is_drawn_and_is_what_we_say(make_program: Callable[..., Any], tmp_path: Path, source: DataSource):
    folder = make_sample_study(tmp_path / "sample")
    program = make_program(data_source=source)
    study = program.show(folder)
    assert_not_flat(program)
    assert program.ask(_DISPLAY_SETS) == ours(program, study)
    assert program.ask_viewport("viewport.getImageIds().length") == 40
    # The highest slice comes first, and its values are those of the file.
    first = max(folder.iterdir())
    assert program.ask_viewport("viewport.getCurrentImageId()").endswith("/frames/1")
    values = program.ask_viewport("Array.from(viewport.getCornerstoneImage().getPixelData())")
    expected = pydicom.dcmread(first).pixel_array.ravel()
    stored = np.array(values)
    # Cornerstone may keep Hounsfield units or stored values.
    assert np.array_equal(stored, expected) or np.array_equal(stored, expected.astype(int) - 1024)


@pytest.mark.parametrize("source", list(DataSource))
def test_real_files_are_drawn_and_are_what_we_say(
    make_program: Callable[..., Any], pydicom_files: Path, source: DataSource
):
    program = make_program(data_source=source)
    # The sources differ in how they come to the metadata; each is tried with some.
    chosen = [*_FILES.items()][:: 1 if source is DataSource.DICOM_JSON else 3]
    for name, file in chosen:
        study = program.show(pydicom_files / file)
        assert_not_flat(program)
        expected = ours(program, study)
        assert program.ask(_DISPLAY_SETS) == expected, name
        assert not [message for made in expected for message in made["messages"] if message >= 13], name


def test_each_frame_of_a_multiframe_image_is_its_own(shared: Any, pydicom_files: Path):
    shared.show(pydicom_files / "examples_ybr_color.dcm")
    frames = pydicom.dcmread(pydicom_files / "examples_ybr_color.dcm").NumberOfFrames
    ids = shared.ask_viewport("viewport.getImageIds()")
    assert [image_id.rpartition("/")[2] for image_id in ids] == [str(number) for number in range(1, frames + 1)]


def test_several_series_of_a_study_are_what_we_say(shared: Any, tmp_path: Path):
    study = own_uids()["StudyInstanceUID"]
    make_stack(tmp_path / "in" / "axial", 5, StudyInstanceUID=study, SeriesInstanceUID=study + ".1", SeriesNumber=2)
    make_stack(
        tmp_path / "in" / "gap", 4, StudyInstanceUID=study, SeriesInstanceUID=study + ".2", SeriesNumber=1, spacing=3.0
    )
    (tmp_path / "in" / "gap" / "IM0001").unlink()
    for number in (1, 2):
        save(
            make_image(
                Modality="CR",
                SOPClassUID=pydicom.uid.ComputedRadiographyImageStorage,
                StudyInstanceUID=study,
                SeriesInstanceUID=study + ".3",
                SeriesNumber=3,
                InstanceNumber=number,
                ImagePositionPatient=None,
                ImageOrientationPatient=None,
            ),
            tmp_path / "in" / "cr" / str(number),
        )
    save(
        make_image(
            NumberOfFrames=3,
            SOPClassUID=pydicom.uid.UltrasoundMultiFrameImageStorage,
            Modality="US",
            StudyInstanceUID=study,
            SeriesInstanceUID=study + ".4",
            SeriesNumber=4,
        ),
        tmp_path / "in" / "us",
    )
    for number, b_value in enumerate([0, 0, 800, 800]):
        save(
            make_image(
                Modality="MR",
                SOPClassUID=pydicom.uid.MRImageStorage,
                StudyInstanceUID=study,
                SeriesInstanceUID=study + ".5",
                SeriesNumber=5,
                InstanceNumber=number + 1,
                ImagePositionPatient=[0, 0, 4.0 * (number % 2)],
                DiffusionBValue=float(b_value),
            ),
            tmp_path / "in" / "dwi" / str(number),
        )
    assert shared.show(tmp_path / "in") == study
    expected = ours(shared, study)
    assert len(expected) == 7  # one for each b-value
    by_uids = {tuple(sorted(item["instances"])): item for item in shared.ask(_DISPLAY_SETS)}
    assert by_uids == {tuple(sorted(item["instances"])): item for item in expected}


def test_pixels_of_one_bit_are_drawn(shared: Any, tmp_path: Path):
    bits = np.random.default_rng(0).integers(0, 2, (2, 5, 7), dtype=np.uint8)
    save(
        make_study(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.7.1",
            Modality="OT",
            NumberOfFrames=2,
            Rows=5,
            Columns=7,
            BitsAllocated=1,
            BitsStored=1,
            HighBit=0,
            WindowCenter=None,
            WindowWidth=None,
            PixelData=np.packbits(bits.ravel(), bitorder="little").tobytes() + b"\0",
        ),
        tmp_path / "in" / "bits",
    )
    shared.show(tmp_path / "in")
    values = shared.ask_viewport("Array.from(viewport.getCornerstoneImage().getPixelData())")
    assert values == bits[0].ravel().tolist()
    assert_not_flat(shared)


def test_another_study_opens_without_a_new_page(shared: Any, pydicom_files: Path):
    first = shared.show(pydicom_files / "CT_small.dcm")
    shared.ask("(window.marker = 1)")
    second = shared.show(pydicom_files / "MR_small.dcm")
    assert first != second
    assert shared.ask("window.marker") == 1
    shown = shared.ask("window.services.displaySetService.getActiveDisplaySets().map(s => s.StudyInstanceUID)")
    assert shown == [second]
