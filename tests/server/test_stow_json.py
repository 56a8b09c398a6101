"""Instances that come as JSON with their large values beside it: they become the files that they were."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from builders import ROOT_UID, make_image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import generate_uid
from server.asking import Served, make_viewer, serve
from server.storing import DICOM_JSON, STUDIES, Response, as_json, files_in, multipart, post

PYDICOM_FILES = Path(str(pydicom.data.__file__)).parent / "test_files"
HERE = "bulk/pixels"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A library that the tests of this module store into."""
    folder = tmp_path_factory.mktemp("stow")
    with serve(folder / "base", make_viewer(folder / "resources")) as started:
        send(started, make_image(StudyInstanceUID=generate_uid(ROOT_UID)), {})
        yield started


def send(served: Served, dataset: Dataset, bulk: dict[str, tuple[str, list[bytes]]], **model: Any) -> Response:
    """Send a data set.

    Args:
        served: the server.
        dataset: its elements that are in ``bulk``, by keyword, are left out of the metadata and sent as parts.
        bulk: keyword → content type, and parts.
        model: elements instead of those that are made of the data set, by keyword; None leaves one out.
    """
    made = dataset.to_json_dict(1 << 40, lambda _: "")
    parts: list[tuple[dict[str, str], bytes]] = []
    for keyword, (content_type, values) in bulk.items():
        tag = f"{dataset[keyword].tag:08X}"
        made[tag] = {"vr": str(dataset[keyword].VR), "BulkDataURI": f"bulk/{keyword}"}
        parts += [({"Content-Type": content_type, "Content-Location": f"bulk/{keyword}"}, value) for value in values]
    for keyword, element in model.items():
        tag = f"{pydicom.datadict.tag_for_keyword(keyword):08X}"
        made.pop(tag, None)
        if element is not None:
            made[tag] = element
    metadata = ({"Content-Type": DICOM_JSON}, as_json([made]))
    return Response(post(served, *multipart([metadata, *parts], DICOM_JSON)))


def stored(served: Served, response: Response, status: int = 200) -> Dataset:
    """Return what was stored, as pydicom reads it."""
    assert response.status == status, response.answer.body
    return dcmread(io.BytesIO(served.ask(response.addresses[0], "application/dicom; transfer-syntax=*").one()))


def of_its_own(dataset: Dataset) -> Dataset:
    """Return a data set of a study of its own."""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(ROOT_UID), generate_uid(ROOT_UID)
    dataset.SOPInstanceUID = generate_uid(ROOT_UID)
    return dataset


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "reportsi.dcm"])
def test_data_sets_come_through(library: Served, name: str) -> None:
    sent = of_its_own(dcmread(PYDICOM_FILES / name))
    bulk = {"PixelData": ("application/octet-stream", [sent.PixelData])} if "PixelData" in sent else {}
    kept = stored(library, send(library, sent, bulk))
    assert kept.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    # The form in which pydicom writes numbers may be another.
    assert kept.to_json_dict() == sent.to_json_dict()
    assert kept.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID


def test_values_of_every_kind_may_come_apart(library: Served) -> None:
    sent = of_its_own(make_image())
    sent.add_new(0x00091010, "OB", b"\1\2\3")
    sent.add_new(0x00090010, "LO", "A CREATOR")
    sent.add_new(0x00091011, "FD", [1.5, -2.5])
    sent.ImageComments = "Größe"
    sent.SpecificCharacterSet = "ISO_IR 192"
    made = sent.to_json_dict()
    parts = [({"Content-Type": DICOM_JSON}, b"")]
    values = {"00091010": b"\1\2\3", "00091011": np.array([1.5, -2.5], "<f8").tobytes(), "00204000": "Größe".encode()}
    for tag, value in values.items():
        made[tag] = {"vr": made[tag]["vr"], "BulkDataURI": f"http://elsewhere/{tag}"}
        parts.append(
            ({"Content-Type": "application/octet-stream", "Content-Location": f"http://elsewhere/{tag}"}, value)
        )
    parts[0] = (parts[0][0], as_json(made))
    kept = stored(library, Response(post(library, *multipart(parts, DICOM_JSON))))
    assert kept[0x00091010].value.rstrip(b"\0") == b"\1\2\3"
    assert list(kept[0x00091011].value) == [1.5, -2.5]
    assert kept.ImageComments == "Größe"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg"),
        ("rtdose_rle.dcm", "image/dicom-rle"),
        ("MR_small_jp2klossless.dcm", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
    ],
)
def test_compressed_frames_become_fragments(library: Served, name: str, content_type: str) -> None:
    sent = of_its_own(dcmread(PYDICOM_FILES / name))
    count = int(sent.get("NumberOfFrames", 1))
    frames = list(generate_frames(sent.PixelData, number_of_frames=count))
    kept = stored(library, send(library, sent, {"PixelData": (content_type, frames)}))
    assert kept.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    again = list(generate_frames(kept.PixelData, number_of_frames=count))
    assert [frame.rstrip(b"\0") for frame in again] == [frame.rstrip(b"\0") for frame in frames]


def test_a_body_may_be_metadata_alone(library: Served) -> None:
    sent = of_its_own(make_image())
    kept = stored(library, Response(post(library, DICOM_JSON, as_json([sent.to_json_dict()]))))
    assert kept.PixelData == sent.PixelData


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[1]", 400),
        (b'"text"', 400),
        (b"[]", 400),
        (b"[" * 100_000, 400),
        (b"{}", 400),
        (b'{"0020000D": {"vr": "UI", "Value": ["1.2"]}}', 400),
        (b'{"0020000D": "1.2"}', 400),
        (b'{"0020000D": {"vr": "UI", "Value": "1.2"}}', 400),
        (b'{"nonsense": {"vr": "UI", "Value": ["1.2"]}}', 400),
        (b'{"00080018": {"vr": "??", "Value": ["1.2"]}}', 400),
        (b'{"7FE00010": {"vr": "OW", "BulkDataURI": 5}}', 400),
        (b'{"7FE00010": {"vr": "OW", "BulkDataURI": "file:///etc/passwd"}}', 400),
        (b'{"7FE00010": {"vr": "OW", "InlineBinary": 5}}', 400),
        (b'{"00100010": {"vr": "PN", "Value": [{"Alphabetic": 5}]}}', 400),
    ],
)
def test_what_is_no_data_set_leaves_nothing(library: Served, body: bytes, status: int) -> None:
    before = files_in(library.app.paths.copies)
    good = as_json(of_its_own(make_image()).to_json_dict())
    for content_type, sent in (
        (DICOM_JSON, body),
        multipart([({"Content-Type": DICOM_JSON}, good), ({"Content-Type": DICOM_JSON}, body)], DICOM_JSON),
    ):
        if body == b"[]" and sent is not body:
            continue
        post(library, content_type, sent).sentence(status)
    assert files_in(library.app.paths.copies) == before
    assert files_in(library.app.paths.inbox) == []


def test_a_value_that_is_missing_leaves_nothing(library: Served) -> None:
    before = files_in(library.app.paths.copies)
    sent = of_its_own(make_image())
    answer = send(library, sent, {}, PixelData={"vr": "OW", "BulkDataURI": HERE}).answer
    assert "did not come" in answer.sentence(400)
    nameless = ({"Content-Type": "application/octet-stream"}, b"pixels")
    metadata = ({"Content-Type": DICOM_JSON}, as_json(sent.to_json_dict()))
    post(library, *multipart([metadata, nameless], DICOM_JSON)).sentence(400)
    assert files_in(library.app.paths.copies) == before


def test_what_the_server_tells_of_an_instance_can_be_stored_elsewhere(library: Served, tmp_path: Path) -> None:
    """Metadata and bulk data of one server make the same instance on another."""
    sent = of_its_own(dcmread(PYDICOM_FILES / "CT_small.dcm"))
    first = send(library, sent, {"PixelData": ("application/octet-stream", [sent.PixelData])})
    (model,) = library.json(f"{first.addresses[0]}/metadata")
    parts = [({"Content-Type": DICOM_JSON}, json.dumps(model).encode())]
    for element in model.values():
        if "BulkDataURI" in element:
            value = library.ask(
                f"{STUDIES}/{element['BulkDataURI'].split('/studies/')[-1]}", "application/octet-stream"
            )
            parts.append(
                ({"Content-Type": "application/octet-stream", "Content-Location": element["BulkDataURI"]}, value.one())
            )
    with serve(tmp_path / "base", make_viewer(tmp_path / "resources")) as other:
        # Without its pixels, it is cut short.
        kept = stored(other, Response(post(other, *multipart(parts, DICOM_JSON))), 202)
        whole = stored(library, first)
        # Pixels are not told of as bulk data.
        del whole.PixelData, whole[0xFFFCFFFC]
        assert kept.to_json_dict() == whole.to_json_dict()
        other.app._pool.close()


def test_letters_of_all_scripts_stay(library: Served) -> None:
    sent = of_its_own(make_image(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Ж"))
    kept = stored(library, send(library, sent, {}))
    assert str(kept.PatientName) == "Müller^Ж"
    assert kept.SpecificCharacterSet == "ISO_IR 192"


def test_octets_are_not_what_the_metadata_say_can_be_had(library: Served) -> None:
    sent = of_its_own(make_image())
    bulk = {"PixelData": ("application/octet-stream", [sent.PixelData])}
    said = {"vr": "UI", "Value": ["1.2.840.10008.1.2.4.90"]}
    kept = stored(library, send(library, sent, bulk, AvailableTransferSyntaxUID=said, TransferSyntaxUID=said))
    assert kept.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert kept.PixelData == sent.PixelData


def test_a_number_that_has_no_room_is_told(library: Served) -> None:
    sent = of_its_own(make_image())
    response = send(library, sent, {}, Rows={"vr": "US", "Value": [70_000]})
    assert "no data set" in response.answer.sentence(400)
