"""Metadata over HTTP: JSON and XML, of instances, series and studies, compressed or not."""

import gzip
import json
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from server.asking import Served

from desktop.dicom.nativemodel import to_native_model

JSON, XML = "application/dicom+json", "application/dicom+xml"
PARTS = f'multipart/related; type="{XML}"'


def levels(served: Served, path: Path) -> list[tuple[str, int]]:
    """Return the addresses of a file's study, series and instance, and how many instances each has."""
    uids = served.place(path)
    others = list(served.places().values())
    study, series = f"/dicom-web/studies/{uids[0]}", f"/dicom-web/studies/{uids[0]}/series/{uids[1]}"
    return [
        (f"{study}/metadata", sum(other[0] == uids[0] for other in others)),
        (f"{series}/metadata", sum(other[:2] == uids[:2] for other in others)),
        (f"{series}/instances/{uids[2]}/metadata", 1),
    ]


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "liver_1frame.dcm", "waveform_ecg.dcm", "dicomdirtests/77654033/CR1/6154"]
)
def test_xml_says_what_json_says(gallery: Served, pydicom_files: Path, name: str) -> None:
    for address, count in levels(gallery, pydicom_files / name):
        models = gallery.ask(address, JSON).json()
        assert len(models) == count
        parts = gallery.ask(address, PARTS).parts()
        assert {part.content_type for part in parts} == {XML}
        assert [part.body for part in parts] == [to_native_model(model) for model in models]
        single = gallery.ask(address, XML)
        if count == 1:
            assert single.header("content-type") == XML
            assert single.body == parts[0].body
            fromstring(single.text)
        else:
            single.sentence(406)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        (f"{JSON};q=0.1, {XML}", XML),
        (f"{XML};q=0.1, {JSON}", JSON),
        ("multipart/related", "multipart/related"),
        ('multipart/related; type="application/dicom"', ""),
        ("text/html", ""),
    ],
)
def test_the_form_is_what_the_client_accepts(
    gallery: Served, pydicom_files: Path, accept: str | None, content_type: str
) -> None:
    answer = gallery.ask(f"{gallery.instance(pydicom_files / 'CT_small.dcm')}/metadata", accept)
    if content_type:
        assert (answer.header("content-type") or "").partition(";")[0] == content_type
    else:
        answer.sentence(406)


@pytest.mark.parametrize("accept", [JSON, XML, PARTS])
def test_whoever_takes_gzip_gets_it(gallery: Served, pydicom_files: Path, accept: str) -> None:
    address = f"{gallery.instance(pydicom_files / 'CT_small.dcm')}/metadata"
    plain = gallery.ask(address, accept)
    packed = gallery.ask(address, accept, headers={"Accept-Encoding": "gzip, deflate"})
    assert plain.header("content-encoding") is None
    assert packed.header("content-encoding") == "gzip"
    assert plain.header("vary") == packed.header("vary") == "accept-encoding"
    assert len(packed.body) < len(plain.body) / 2
    body = gzip.decompress(packed.body)
    if accept == JSON:
        assert json.loads(body) == plain.json()
    assert len(body) == len(plain.body)
