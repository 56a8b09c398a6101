"""dicomweb-client as judge: each of its calls that retrieve something gets what pydicom reads in the files."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import ROOT_UID, make_stack, save
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_auth
from PIL import Image
from pydicom import Dataset, dcmread
from requests import PreparedRequest
from requests.auth import AuthBase
from server.asking import Served, make_viewer, serve

EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
ORDER = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


class Token(AuthBase):
    """Adds the token to each request."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add it."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, pydicom_files: Path) -> list[Path]:
    """A study of two series, the second of which is one compressed image."""
    folder = tmp_path_factory.mktemp("client")
    made = make_stack(folder / "a", 3, Rows=16, Columns=16)
    ds = dcmread(pydicom_files / "MR_small_RLE.dcm")
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SeriesNumber = ROOT_UID + "1", ROOT_UID + "1.2", 2
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doe^Jane", "P1", "19700102", "F"
    return [*made, save(ds, folder / "b" / "image")]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, files: list[Path], pydicom_files: Path) -> Iterator[Served]:
    """That study, and an ECG, served."""
    folder = tmp_path_factory.mktemp("judge")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        started.add(*files, pydicom_files / "waveform_ecg.dcm")
        yield started


@pytest.fixture
def client(stock: Served) -> DICOMwebClient:
    made = DICOMwebClient(f"{stock.origin}/dicom-web", session=create_session_from_auth(Token(stock.token)))
    # Its Host header leaves out the port, which belongs there (RFC 9110 §7.2).
    made.host = f"127.0.0.1:{stock.port}"
    return made


def uids(stock: Served, path: Path) -> tuple[str, str, str]:
    return stock.place(path)


def same(sent: Dataset, path: Path) -> None:
    own = dcmread(path)
    assert [sent.get(name) for name in ORDER] == [own.get(name) for name in ORDER]
    assert np.array_equal(sent.pixel_array, own.pixel_array)


def test_whole_instances(client: DICOMwebClient, stock: Served, files: list[Path]) -> None:
    study, series, _ = uids(stock, files[0])
    for sent, path in zip(client.retrieve_study(study), files, strict=True):
        same(sent, path)
    for sent, path in zip(client.iter_series(study, series), files[:3], strict=True):
        same(sent, path)
    compressed = uids(stock, files[3])
    same(client.retrieve_instance(*compressed), files[3])
    stored = client.retrieve_instance(*compressed, media_types=(("application/dicom", RLE),))
    assert stored.file_meta.TransferSyntaxUID == RLE
    plain = client.retrieve_instance(*compressed, media_types=(("application/dicom", EXPLICIT),))
    assert plain.file_meta.TransferSyntaxUID == EXPLICIT
    same(plain, files[3])


def test_metadata(client: DICOMwebClient, stock: Served, files: list[Path]) -> None:
    study, series, instance = uids(stock, files[0])
    for models, count in (
        (client.retrieve_study_metadata(study), 4),
        (client.retrieve_series_metadata(study, series), 3),
        ([client.retrieve_instance_metadata(study, series, instance)], 1),
    ):
        assert len(models) == count
        assert Dataset.from_json(models[0]).SOPInstanceUID == instance


def test_frames(client: DICOMwebClient, stock: Served, files: list[Path]) -> None:
    for path in (files[0], files[3]):
        own = dcmread(path)
        (frame,) = client.retrieve_instance_frames(
            *uids(stock, path), [1], media_types=(("application/octet-stream", EXPLICIT),)
        )
        assert frame == own.pixel_array.tobytes()
    (native,) = client.retrieve_instance_frames(*uids(stock, files[0]), [1])
    assert native == dcmread(files[0]).PixelData
    (stored,) = client.iter_instance_frames(*uids(stock, files[3]), [1], media_types=(("image/dicom-rle", RLE),))
    assert stored in dcmread(files[3]).PixelData


def test_bulk_data(client: DICOMwebClient, stock: Served, pydicom_files: Path) -> None:
    path = pydicom_files / "waveform_ecg.dcm"
    model = client.retrieve_instance_metadata(*uids(stock, path))
    uri = stock.origin + model["54000100"]["Value"][0]["54001010"]["BulkDataURI"]
    value = dcmread(path).WaveformSequence[0].WaveformData
    assert client.retrieve_bulkdata(uri) == [value]
    assert client.retrieve_bulkdata(uri, media_types=("application/octet-stream",)) == [value]


def test_rendered(client: DICOMwebClient, stock: Served, files: list[Path]) -> None:
    own = uids(stock, files[3])
    for media_types in (None, ("image/jpeg",), ("image/png",), ("image/gif",), ("image/png", "image/jpeg")):
        for sent in (
            client.retrieve_instance_rendered(*own, media_types=media_types),
            client.retrieve_instance_frames_rendered(*own, [1], media_types=media_types),
            client.retrieve_series_rendered(*own[:2], media_types=media_types),
        ):
            assert Image.open(io.BytesIO(sent)).size == (64, 64)
    small = client.retrieve_instance_rendered(
        *own, media_types=("image/png",), params={"viewport": "32,32", "window": "600,1600,linear"}
    )
    assert Image.open(io.BytesIO(small)).size == (32, 32)
