"""dicomweb-client as judge: what it stores is the same when it retrieves it, and what it deletes is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ROOT_UID, make_stack
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_auth
from pydicom import dcmread
from requests import HTTPError
from server.asking import Served, make_viewer, serve
from server.test_client_retrieves import Token


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An empty library, served."""
    folder = tmp_path_factory.mktemp("judge")
    with serve(folder / "base", make_viewer(folder / "resources")) as started:
        started.app.warm_up()
        yield started


@pytest.fixture(scope="module")
def client(stock: Served) -> DICOMwebClient:
    made = DICOMwebClient(f"{stock.origin}/dicom-web", session=create_session_from_auth(Token(stock.token)))
    # Its Host header leaves out the port, which belongs there (RFC 9110 §7.2).
    made.host = f"127.0.0.1:{stock.port}"
    return made


def test_what_is_stored_is_retrieved_and_deleted(client: DICOMwebClient, tmp_path: Path) -> None:
    study = ROOT_UID + "1"
    sent = [dcmread(path) for path in make_stack(tmp_path, 3)]
    response = client.store_instances(sent)
    assert len(response.ReferencedSOPSequence) == 3
    assert "FailedSOPSequence" not in response
    assert "FailedSOPSequence" not in client.store_instances(sent, study)
    assert client.search_for_studies()[0]["00201208"]["Value"] == [3]
    assert sorted(client.retrieve_study(study), key=lambda ds: ds.InstanceNumber) == sent
    series = sent[0].SeriesInstanceUID
    client.delete_instance(study, series, sent[0].SOPInstanceUID)
    assert len(client.search_for_instances(study)) == 2
    client.delete_series(study, series)
    assert client.search_for_studies() == []
    client.store_instances(sent[:1])
    client.delete_study(study)
    assert client.search_for_studies() == []
    with pytest.raises(HTTPError, match="404"):
        client.delete_study(study)


def test_what_belongs_elsewhere_is_told(client: DICOMwebClient, tmp_path: Path) -> None:
    (path,) = make_stack(tmp_path, 1)
    with pytest.raises(HTTPError, match="409"):
        client.store_instances([dcmread(path)], "1.2.3")
