from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from builders import ROOT_UID, ask, make_image, make_instances, make_stack, save
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage, RTStructureSetStorage, SegmentationStorage

from desktop import logs
from desktop.app import App
from desktop.dicom.aids import as_image, is_segmentation
from desktop.dicom.records import Instance
from desktop.displaysets.model import MessageCode
from desktop.displaysets.modes import find_mode
from desktop.errors import InputError
from desktop.library.instances import mark_absent
from desktop.library.queries import locate
from desktop.paths import find_paths
from desktop.services.sample import make_sample_study
from desktop.services.viewing import make_study_sets
from desktop.settings import DataSource


@pytest.fixture
def app(base_dir: Path) -> Iterator[App]:
    with App(find_paths().make()) as made:
        yield made


def test_the_newest_study_with_images_is_chosen(app: App, tmp_path: Path, pydicom_files: Path):
    make_stack(tmp_path / "old", 1, StudyDate="20200101")
    newer = {"StudyInstanceUID": ROOT_UID + "8", "SeriesInstanceUID": ROOT_UID + "8.1"}
    make_stack(tmp_path / "new", 1, StudyDate="20210101", **newer)
    report = app.importing.start(ask(tmp_path, pydicom_files / "rtplan.dcm")).wait()
    # The plan is of 2003; made newer, it still has nothing to show.
    plan = pydicom.dcmread(pydicom_files / "rtplan.dcm")
    plan.StudyDate, plan.SOPInstanceUID, plan.StudyInstanceUID = "20240101", ROOT_UID + "7", ROOT_UID + "7.1"
    later = app.importing.start(ask(save(plan, tmp_path / "plan"))).wait()
    chosen = app.viewing.choose((*report.studies, *later.studies))
    assert chosen is not None
    assert chosen.study.StudyInstanceUID == ROOT_UID + "8"
    only = app.viewing.choose(later.studies)
    assert only is not None
    assert only.study.StudyInstanceUID == ROOT_UID + "7.1"
    assert app.viewing.choose(()) is None


def test_the_address_of_a_study(app: App, tmp_path: Path):
    make_stack(tmp_path / "in", 1)
    app.importing.start(ask(tmp_path / "in")).wait()
    entry = app.viewing.study(ROOT_UID + "1")
    assert entry is not None
    as_json = app.viewer_address(entry, DataSource.DICOM_JSON)
    assert as_json.path.startswith(f"/viewer/dicomjson?url=%2Fstudies%2F{ROOT_UID}1%2Fohif-dicom-json%3Fv%3D")
    assert app.viewer_address(entry, DataSource.DICOM_WEB).path == f"/viewer/dicomweb?StudyInstanceUIDs={ROOT_UID}1"
    save(make_image(SOPInstanceUID=ROOT_UID + "6"), tmp_path / "in" / "more")
    app.importing.start(ask(tmp_path / "in")).wait()
    changed = app.viewing.study(ROOT_UID + "1")
    assert changed is not None
    assert changed.version > entry.version
    assert app.viewer_address(changed).path != as_json.path


def test_who_is_viewed_is_kept_out_of_the_log(app: App, tmp_path: Path):
    save(make_image(PatientName="Quux^Corge", PatientID="XY-1234"), tmp_path / "a")
    app.importing.start(ask(tmp_path / "a")).wait()
    app.viewing.study(ROOT_UID + "1")
    assert logs.redact("Quux came with XY-1234") == "▒▒▒ came with ▒▒▒"


def test_the_sample_is_the_same_each_time_and_pydicom_reads_it(tmp_path: Path):
    one, two = make_sample_study(tmp_path / "one"), make_sample_study(tmp_path / "two")
    files = sorted(one.iterdir())
    assert len(files) == 40
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in sorted(two.iterdir())]
    datasets = [pydicom.dcmread(file) for file in files]
    assert all(dataset.pixel_array.std() > 100 for dataset in datasets)
    assert len({dataset.SOPInstanceUID for dataset in datasets}) == 40


def test_the_sample_overwrites_nothing(tmp_path: Path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        make_sample_study(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def make_segments(**attributes: Any) -> Dataset:
    """Return a segmentation of two frames over the images of :func:`builders.make_image`."""
    series = Dataset()
    series.SeriesInstanceUID = ROOT_UID + "1.1"
    return make_image(
        **{
            "SOPClassUID": SegmentationStorage,
            "Modality": "SEG",
            "SeriesInstanceUID": ROOT_UID + "1.9",
            "NumberOfFrames": 2,
            "BitsAllocated": 1,
            "BitsStored": 1,
            "HighBit": 0,
            "PixelData": bytes(16),
            "ReferencedSeriesSequence": [series],
            **attributes,
        }
    )


def test_contours_lie_over_all_of_their_images_or_none(app: App, tmp_path: Path):
    stack = make_stack(tmp_path / "ct", 2)
    images = []
    for path in stack:
        image = Dataset()
        image.ReferencedSOPInstanceUID = pydicom.dcmread(path).SOPInstanceUID
        images.append(image)
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID, series.ContourImageSequence = ROOT_UID + "1.1", images
    study.RTReferencedSeriesSequence, frame.RTReferencedStudySequence = [series], [study]
    structures = make_image(
        SOPClassUID=RTStructureSetStorage,
        Modality="RTSTRUCT",
        SeriesInstanceUID=ROOT_UID + "1.9",
        ReferencedFrameOfReferenceSequence=[frame],
        **dict.fromkeys(("Rows", "Columns", "BitsAllocated", "PhotometricInterpretation")),
    )
    app.importing.start(ask(save(structures, tmp_path / "rt"), stack[0])).wait()
    page = app.viewing.display_sets(ROOT_UID + "1")[-1]
    assert page.SOPClassHandlerId.endswith(".page")
    assert [message.code for message in page.messages] == [MessageCode.SHOWN_ALONE]
    app.importing.start(ask(stack[1])).wait()
    over = app.viewing.display_sets(ROOT_UID + "1")[-1]
    assert over.SOPClassHandlerId.endswith(".dicom-rt")
    assert over.messages == ()


def test_two_images_in_one_place_are_no_volume(app: App, tmp_path: Path):
    make_stack(tmp_path / "ct", 2, spacing=0)
    app.importing.start(ask(tmp_path / "ct")).wait()
    (made,) = app.viewing.display_sets(ROOT_UID + "1")
    assert not made.isReconstructable
    assert MessageCode.NOT_RECONSTRUCTABLE in [message.code for message in made.messages]


def test_segments_are_images_where_those_that_they_lie_over_are_not(app: App, tmp_path: Path):
    save(make_segments(), tmp_path / "seg")
    app.importing.start(ask(tmp_path / "seg")).wait()
    (alone,) = app.viewing.display_sets(ROOT_UID + "1")
    assert alone.SOPClassHandlerId.endswith(".stack")
    assert [message.code for message in alone.messages] == [MessageCode.SHOWN_ALONE]
    assert alone.coverage == "2 of 2 images"
    place = (ROOT_UID + "1", ROOT_UID + "1.9", alone.instances[0].SOPInstanceUID)
    assert not is_segmentation(alone.instances[0])
    # What is served as segments stays so: only the addresses of images are of images.
    located = locate(app.store.reader(), *place)
    assert located is not None
    assert is_segmentation(located.instance)
    assert not is_segmentation(as_image(located.instance))
    make_stack(tmp_path / "ct", 2)
    app.importing.start(ask(tmp_path / "ct")).wait()
    _, over = app.viewing.display_sets(ROOT_UID + "1")
    assert over.SOPClassHandlerId.endswith(".dicom-seg")
    assert over.messages == ()
    located = locate(app.store.reader(), *place)
    assert located is not None
    assert is_segmentation(located.instance)


def test_a_map_over_images_that_are_no_volume_is_an_image():
    images = make_instances(4)
    traits = (("ReferencedSeries", "1.2.3"),)
    chart = make_instances(
        1,
        SOPClassUID=ParametricMapStorage,
        Modality="PMAP",
        SeriesInstanceUID="1.2.9",
        SOPInstanceUID="1.9",
        traits=traits,
    )

    def handlers(stack: list[Instance]) -> list[str]:
        return [made.SOPClassHandlerId.split(".")[-1] for made in make_study_sets([stack, chart], find_mode("viewer"))]

    assert handlers(images) == ["stack", "dicom-pmap"]
    irregular = [replace(images[3], ImagePositionPatient=(0.0, 0.0, 9.0))]
    assert handlers([*images[:3], *irregular]) == ["stack", "stack"]
    assert handlers(images[:1]) == ["stack", "stack"]


HERE = {"1.2": {"1.2.1", "1.2.2", "1.2.3"}, "1.3": {"1.3.1"}}


@pytest.mark.parametrize(
    ("traits", "absent"),
    [
        ({"ReferencedSeries": "1.2"}, False),
        ({"ReferencedSeries": "1.4"}, True),
        ({"ReferencedSeries": "1.2", "NeededImages": 3.0}, False),
        ({"ReferencedSeries": "1.3", "NeededImages": 3.0}, True),
        ({"ReferencedSeries": "1.2", "NeededInstances": "1.2.1 1.2.3"}, False),
        ({"ReferencedSeries": "1.2", "NeededInstances": "1.2.1 1.3.1"}, False),
        # As many others are here.
        ({"ReferencedSeries": "1.2", "NeededInstances": "1.2.4 1.2.5 1.2.6"}, True),
        ({"ReferencedSeries": "1.2", "NeededInstances": "1.2.1 1.3.2"}, True),
        ({"NeededInstances": "1.2.4"}, False),
    ],
)
def test_what_lies_over_images_that_are_not_here(traits: dict[str, Any], absent: bool):
    marked = dict(mark_absent(tuple(traits.items()), HERE))
    assert ("AbsentSeries" in marked) == absent
    assert ("ReferencedSeries" in marked) == (not absent and "ReferencedSeries" in traits)
