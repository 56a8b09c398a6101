"""What goes wrong within the program: told in one sentence, and in the log without patients' data."""

import http.client
import os
from pathlib import Path

import pytest
from builders import ROOT_UID, make_image, save
from server.asking import SECONDS, Served

from desktop import logs

SENTENCE = "The program failed at this. Its log says how."
PRIVATE = ("Secretive", "Hidden", "ID-4711", "clinic", "A-0815")

# What is broken in the library, and who stumbles over it.
BROKEN = {
    "stored metadata": ("UPDATE metadata SET ohif_json = x'00', dicom_json = x'53656372657469766500'", "json metadata"),
    "no text": (
        "UPDATE patients SET PatientName = CAST(x'5365637265746976655E48696464656EFF' AS TEXT)",
        "studies series instances json sets",
    ),
    "no JSON": ("UPDATE instances SET ImageType = 'Secretive^Hidden'", "instances frames whole sets bulk"),
    "no number": ("UPDATE instances SET \"offset\" = 'ID-4711'", "instances frames whole bulk"),
    "no path": ("UPDATE files SET path = 4711", "frames whole bulk"),
    "no table": ("DROP TABLE metadata", "json metadata"),
    "no series": ("ALTER TABLE series RENAME COLUMN Modality TO Secretive", "series studies instances sets json"),
}


def ask_all(served: Served, uids: tuple[str, str, str]) -> dict[str, str]:
    study, series, instance = uids
    place = f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    return {
        "json": f"/studies/{study}/ohif-dicom-json",
        "metadata": f"/dicom-web/studies/{study}/metadata",
        "studies": "/dicom-web/studies",
        "series": "/dicom-web/series",
        "instances": "/dicom-web/instances",
        "sets": f"/display-sets?study={study}",
        "frames": f"{place}/frames/1",
        "whole": place,
        "bulk": f"{place}/bulkdata/00104000",
    }


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_library_gives_a_sentence(served: Served, tmp_path: Path, fault: str) -> None:
    log = tmp_path / "logs" / "log"
    logs.start_logging(log)
    folder = tmp_path / "clinic" / "Secretive_Hidden"
    path = save(
        make_image(PatientName="Secretive^Hidden", PatientID="ID-4711", AccessionNumber="A-0815"), folder / "image"
    )
    served.add(path)
    addresses = ask_all(served, served.place(path))
    statement, stumbling = BROKEN[fault]
    served.change(statement)
    for name, address in addresses.items():
        answer = served.ask(address)
        if name in stumbling.split():
            assert answer.sentence(500) == SENTENCE, name
        else:
            assert answer.status in (200, 404), name
    told = log.read_text()
    assert told.count("a request failed") == len(stumbling.split())
    assert "wado.py" in told or "app.py" in told or "qido.py" in told
    assert not [word for word in (*PRIVATE, ROOT_UID, str(tmp_path)) if word in told]
    assert served.ask("/healthz").text == "ok"
    assert served.ask("/").status == 200


def test_a_file_that_ends_while_it_is_sent_is_never_taken_for_whole(served: Served, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    logs.start_logging(log)
    size = 64 << 20
    path = save(make_image(PatientName="Secretive^Hidden", Rows=8, Columns=8), tmp_path / "clinic" / "image")
    with path.open("r+b") as file:
        file.truncate(size)
    served.add(path)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    try:
        headers = {"Authorization": f"Bearer {served.token}", "Accept": "application/dicom"}
        connection.request("GET", served.instance(path), headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        assert response.getheader("content-length") == str(size)
        # More is to come than fits between the two, so the server still reads.
        os.truncate(path, 1 << 20)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    finally:
        connection.close()
    told = log.read_text()
    assert told.count("an answer was broken off") == 1
    assert not [word for word in (*PRIVATE, ROOT_UID, str(tmp_path)) if word in told]
    assert served.ask("/healthz").text == "ok"
