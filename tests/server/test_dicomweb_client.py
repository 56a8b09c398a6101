"""What dicomweb-client, a client that others build on, finds and reads."""

from collections.abc import Iterator

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from server.asking import Served


@pytest.fixture(scope="module")
def client(gallery: Served) -> Iterator[DICOMwebClient]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {gallery.token}"
        client = DICOMwebClient(f"{gallery.origin}/dicom-web", session=session)
        # Its Host header leaves out the port, which belongs there (RFC 9110 §7.2).
        client.host = f"127.0.0.1:{gallery.port}"
        yield client


def test_searches_at_all_levels(client: DICOMwebClient, gallery: Served) -> None:
    places = set(gallery.places().values())
    studies = client.search_for_studies()
    assert {study["0020000D"]["Value"][0] for study in studies} == {place[0] for place in places}
    series = client.search_for_series()
    assert {one["0020000E"]["Value"][0] for one in series} == {place[1] for place in places}
    instances = client.search_for_instances()
    assert {one["00080018"]["Value"][0] for one in instances} == {place[2] for place in places}
    for study in sorted({place[0] for place in places})[:5]:
        below = client.search_for_series(study)
        assert {one["0020000E"]["Value"][0] for one in below} == {place[1] for place in places if place[0] == study}
        found = client.search_for_instances(study)
        assert {one["00080018"]["Value"][0] for one in found} == {place[2] for place in places if place[0] == study}
        for one in below:
            uid = one["0020000E"]["Value"][0]
            within = client.search_for_instances(study, uid)
            assert {item["00080018"]["Value"][0] for item in within} == {
                place[2] for place in places if place[:2] == (study, uid)
            }


def test_searches_with_filters_fields_and_pages(client: DICOMwebClient) -> None:
    everything = client.search_for_studies()
    pages = [client.search_for_studies(limit=3, offset=offset) for offset in range(0, len(everything), 3)]
    assert [study for page in pages for study in page] == everything
    assert client.search_for_studies(limit=3, get_remaining=True) == everything
    named = client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "anon"})
    assert 0 < len(named) < len(everything)
    assert client.search_for_studies(search_filters={"PatientID": "nobody has this"}) == []
    found = client.search_for_series(fields=["StationName", "00080070"], search_filters={"Modality": "CT"})
    assert found
    assert any("00081010" in series for series in found)
    for series in found:
        assert Dataset.from_json(series).Modality == "CT"
    whole = client.search_for_instances(fields=["all"], search_filters={"Modality": "MR"}, limit=5)
    assert all(Dataset.from_json(one, lambda *_: b"").Rows > 0 for one in whole)


def test_retrieves_the_metadata_of_what_it_finds(client: DICOMwebClient) -> None:
    for series in client.search_for_series(search_filters={"Modality": "CT"}):
        place = series["0020000D"]["Value"][0], series["0020000E"]["Value"][0]
        assert len(client.retrieve_series_metadata(*place)) == series["00201209"]["Value"][0]
