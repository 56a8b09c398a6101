"""Programs of others as clients of our server: dicomweb-client, Orthanc's DICOMweb plugin, and curl."""

import io
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import dcmread
from server.asking import SECONDS, Served
from server.orthanc import Orthanc

CT, MR, RLE = "CT_small.dcm", "MR_small.dcm", "SC_rgb_rle_2frame.dcm"
PATIENT = "1CT1"


@pytest.fixture
def clinic(served: Served, pydicom_files: Path) -> Served:
    """A library of some images."""
    served.add(*(pydicom_files / name for name in (CT, MR, RLE)))
    return served


@pytest.fixture
def client(clinic: Served) -> DICOMwebClient:
    """dicomweb-client, as its users make it."""
    return DICOMwebClient(f"{clinic.origin}/dicom-web", headers={"Authorization": f"Bearer {clinic.token}"})


def pixels(path: Path) -> bytes:
    return bytes(dcmread(path).PixelData)


class TestDicomwebClient:
    def test_it_searches(self, clinic: Served, client: DICOMwebClient, pydicom_files: Path) -> None:
        study, series, instance = clinic.place(pydicom_files / CT)
        assert len(client.search_for_studies()) == 3
        (found,) = client.search_for_studies(
            search_filters={"PatientID": PATIENT}, fields=["StudyDescription"], limit=5, offset=0, fuzzymatching=False
        )
        assert found["0020000D"]["Value"] == [study]
        assert found["00081030"]["Value"] == ["e+1"]
        assert len(client.search_for_studies(limit=1, get_remaining=True)) == 3
        assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
        for answers in (client.search_for_series(study), client.search_for_series(search_filters={"Modality": "CT"})):
            assert [one["0020000E"]["Value"] for one in answers] == [[series]]
        for answers in (
            client.search_for_instances(study),
            client.search_for_instances(study, series),
            client.search_for_instances(search_filters={"SOPInstanceUID": instance}),
        ):
            assert [one["00080018"]["Value"] for one in answers] == [[instance]]

    def test_it_retrieves_metadata(self, clinic: Served, client: DICOMwebClient, pydicom_files: Path) -> None:
        place = clinic.place(pydicom_files / CT)
        expected = client.retrieve_instance_metadata(*place)
        assert expected["00100020"]["Value"] == [PATIENT]
        assert client.retrieve_study_metadata(place[0]) == [expected]
        assert client.retrieve_series_metadata(*place[:2]) == [expected]

    def test_it_retrieves_instances(self, clinic: Served, client: DICOMwebClient, pydicom_files: Path) -> None:
        path = pydicom_files / CT
        place = clinic.place(path)
        found = client.retrieve_instance(*place)
        assert found == dcmread(path)
        again = client.retrieve_instance(*place, media_types=(("application/dicom", "*"),))
        assert again.file_meta == dcmread(path).file_meta

    def test_it_retrieves_frames(self, clinic: Served, client: DICOMwebClient, pydicom_files: Path) -> None:
        place = clinic.place(pydicom_files / CT)
        assert client.retrieve_instance_frames(*place, [1]) == [pixels(pydicom_files / CT)]
        stored = [("application/octet-stream", "*")]
        several = client.retrieve_instance_frames(*clinic.place(pydicom_files / RLE), [1, 2], media_types=stored)
        assert len(several) == 2
        # Three segments (PS3.5 Annex G).
        assert all(frame.startswith(b"\x03\0\0\0") for frame in several)
        assert (
            list(client.iter_instance_frames(*clinic.place(pydicom_files / RLE), [1, 2], media_types=stored)) == several
        )

    def test_it_retrieves_studies_and_series(self, clinic: Served, client: DICOMwebClient, pydicom_files: Path) -> None:
        study, series, _ = clinic.place(pydicom_files / CT)
        stored = (("application/dicom", "*"),)
        for found in (
            client.retrieve_study(study),
            client.retrieve_study(study, media_types=stored),
            list(client.iter_study(study)),
            client.retrieve_series(study, series),
            list(client.iter_series(study, series, media_types=stored)),
        ):
            assert found == [dcmread(pydicom_files / CT)]

    def test_it_retrieves_rendered_images(self, clinic: Served, client: DICOMwebClient, pydicom_files: Path) -> None:
        ct, rle = clinic.place(pydicom_files / CT), clinic.place(pydicom_files / RLE)
        small = {"quality": 30, "viewport": "64,64"}
        for data, size, kind in (
            (client.retrieve_instance_rendered(*ct, media_types=("image/png",)), (128, 128), "PNG"),
            (client.retrieve_instance_rendered(*ct, media_types=("image/jpeg",), params=small), (64, 64), "JPEG"),
            (client.retrieve_instance_frames_rendered(*rle, [2], media_types=("image/jpeg",)), (100, 100), "JPEG"),
            (client.retrieve_series_rendered(*ct[:2], media_types=("image/png",)), (128, 128), "PNG"),
        ):
            with Image.open(io.BytesIO(data)) as image:
                assert (image.size, image.format) == (size, kind)

    def test_it_stores_and_deletes(self, served: Served, pydicom_files: Path) -> None:
        client = DICOMwebClient(f"{served.origin}/dicom-web", headers={"Authorization": f"Bearer {served.token}"})
        ct, mr, rle = datasets = [dcmread(pydicom_files / name) for name in (CT, MR, RLE)]
        told = client.store_instances(datasets)
        assert "FailedSOPSequence" not in told
        assert {item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence} == {
            one.SOPInstanceUID for one in datasets
        }
        place = (ct.StudyInstanceUID, ct.SeriesInstanceUID, ct.SOPInstanceUID)
        assert client.retrieve_instance(*place) == ct
        (again,) = client.store_instances([ct], study_instance_uid=ct.StudyInstanceUID).ReferencedSOPSequence
        assert again.ReferencedSOPInstanceUID == ct.SOPInstanceUID
        client.delete_instance(*place)
        client.delete_series(mr.StudyInstanceUID, mr.SeriesInstanceUID)
        client.delete_study(rle.StudyInstanceUID)
        assert client.search_for_studies() == []

    def test_it_retrieves_bulk_data(
        self, clinic: Served, client: DICOMwebClient, pydicom_files: Path, tmp_path: Path
    ) -> None:
        dataset = dcmread(pydicom_files / CT)
        value = bytes(range(256)) * 20
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        dataset.ICCProfile = value
        path = tmp_path / "with profile"
        dataset.save_as(path)
        clinic.add(path)
        uri = client.retrieve_instance_metadata(*clinic.place(path))["00282000"]["BulkDataURI"]
        url = uri if uri.startswith("http") else clinic.origin + uri
        assert client.retrieve_bulkdata(url) == [value]
        assert list(client.iter_bulkdata(url)) == [value]


class TestOrthanc:
    @pytest.fixture
    def server(self, orthanc: Orthanc, clinic: Served) -> Iterator[str]:
        """The path at which Orthanc knows our server."""
        path = "/dicom-web/servers/negatoscope"
        told = {"Url": f"{clinic.origin}/dicom-web/", "HttpHeaders": {"Authorization": f"Bearer {clinic.token}"}}
        assert orthanc.tell(path, told, "PUT").status == 200
        yield path
        orthanc.ask(path, "DELETE")

    def test_it_lists(self, orthanc: Orthanc, clinic: Served, server: str, pydicom_files: Path) -> None:
        study, _, _ = clinic.place(pydicom_files / CT)
        asked: dict[str, Any] = {"Uri": "/studies", "Arguments": {"PatientID": PATIENT}}
        (found,) = orthanc.tell(f"{server}/qido", asked).json()
        assert found["0020000D"]["Value"] == study
        (found,) = orthanc.tell(f"{server}/get", asked).json()
        assert found["0020000D"]["Value"] == [study]
        (metadata,) = orthanc.tell(f"{server}/get", {"Uri": f"/studies/{study}/metadata"}).json()
        assert metadata["00100020"]["Value"] == [PATIENT]

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_it_retrieves(self, orthanc: Orthanc, clinic: Served, server: str, pydicom_files: Path, depth: int) -> None:
        path = pydicom_files / RLE
        place = clinic.place(path)
        for old in _find(orthanc, place[2]):
            orthanc.ask(f"/instances/{old}", "DELETE")
        resource = dict(zip(("Study", "Series", "Instance"), place[:depth], strict=False))
        told = orthanc.tell(f"{server}/retrieve", {"Resources": [resource]}).json()
        assert told["ReceivedInstancesCount"] == "1"
        (taken,) = _find(orthanc, place[2])
        assert orthanc.ask(f"/instances/{taken}/file").body == path.read_bytes()

    def test_it_stores(self, orthanc: Orthanc, clinic: Served, server: str, pydicom_files: Path) -> None:
        # Its boundary has 73 letters, where RFC 2046 allows 70.
        paths = [pydicom_files / name for name in ("JPEG2000.dcm", "rtplan.dcm")]
        named = [told["ID"] for told in orthanc.store([path.read_bytes() for path in paths])]
        assert orthanc.tell(f"{server}/stow", {"Resources": named}).status == 200
        served = {one["00080018"]["Value"][0] for one in clinic.json("/dicom-web/instances")}
        assert {str(dcmread(path).SOPInstanceUID) for path in paths} <= served


def _find(orthanc: Orthanc, instance: str) -> list[str]:
    """Return Orthanc's names of an instance."""
    found = orthanc.ask("/tools/lookup", "POST", instance.encode()).json()
    return [one["ID"] for one in found if one["Type"] == "Instance"]


def examples(language: str) -> list[str]:
    """Return the blocks of the guide's page in a language."""
    text = (ROOT / "resources" / "guide" / "clients.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_does_what_the_guide_says(clinic: Served, pydicom_files: Path, tmp_path: Path) -> None:
    study, series, instance = clinic.place(pydicom_files / CT)
    named = {"SERVER": f"{clinic.origin}/dicom-web", "TOKEN": clinic.token}
    named |= {"STUDY": study, "SERIES": series, "INSTANCE": instance}
    (script,) = examples("sh")
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]} | named,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert study.encode() in done.stdout
    assert (tmp_path / "image.dcm").read_bytes() == (pydicom_files / CT).read_bytes()
    assert (tmp_path / "frame").read_bytes() == pixels(pydicom_files / CT)
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        (name,) = [name for name in archive.namelist() if not name.endswith("DICOMDIR")]
        assert archive.read(name) == (pydicom_files / CT).read_bytes()
    with Image.open(tmp_path / "image.png") as image:
        assert image.size == (128, 128)
    assert b"00100020" in (tmp_path / "metadata.json").read_bytes()
    # Others can read the command lines of a computer.
    assert not [line for line in script.splitlines() if line.startswith("curl") and "$TOKEN" in line]


def test_python_does_what_the_guide_says(
    clinic: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVER", f"{clinic.origin}/dicom-web")
    monkeypatch.setenv("TOKEN", clinic.token)
    (script,) = examples("python")
    exec(compile(script, "clients.md", "exec"), {})
    assert "1 studies" in capsys.readouterr().out
