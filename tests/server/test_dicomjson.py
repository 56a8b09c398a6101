"""The DICOM-JSON of a study, as OHIF's source for it reads it."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, make_stack, save
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from server.asking import ONE_PART, Served, instance_path

STUDY_KEYS = {
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "PatientName",
    "PatientID",
    "NumInstances",
    "Modalities",
    "series",
}
SERIES_KEYS = {"SeriesInstanceUID", "instances"}
EVERY_IMAGE = {
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "Modality",
    "InstanceNumber",
    "SeriesNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
}


def get(served: Served, study: str) -> dict[str, Any]:
    answer = served.ask(f"/studies/{study}/ohif-dicom-json")
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    (found,) = answer.json()["studies"]
    assert isinstance(found, dict)
    return found


def entries(study: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for series in study["series"]:
        yield from series["instances"]


def test_shape(served: Served, tmp_path: Path) -> None:
    make_stack(tmp_path / "one", 3, SeriesInstanceUID=ROOT_UID + "1.1", SeriesNumber=2, SeriesDescription="Later")
    make_stack(tmp_path / "two", 2, SeriesInstanceUID=ROOT_UID + "1.2", SeriesNumber=1, Modality="PT")
    served.add(tmp_path)
    study = get(served, ROOT_UID + "1")
    assert set(study) == STUDY_KEYS
    assert {key: study[key] for key in STUDY_KEYS - {"series"}} == {
        "StudyInstanceUID": ROOT_UID + "1",
        "StudyDate": "20260102",
        "StudyTime": "101500",
        "StudyDescription": "Abdomen",
        "AccessionNumber": "A1",
        "PatientName": "Doe^Jane",
        "PatientID": "P1",
        "NumInstances": 5,
        "Modalities": "CT,PT",
    }
    assert [set(series) for series in study["series"]] == [SERIES_KEYS] * 2
    assert [series["SeriesInstanceUID"] for series in study["series"]] == [ROOT_UID + "1.2", ROOT_UID + "1.1"]
    assert [len(series["instances"]) for series in study["series"]] == [2, 3]
    for series in study["series"]:
        numbers = [entry["metadata"]["InstanceNumber"] for entry in series["instances"]]
        assert numbers == list(range(1, len(numbers) + 1))
        for entry in series["instances"]:
            assert set(entry) == {"metadata", "url"}
            assert entry["metadata"].keys() >= EVERY_IMAGE
            uids = (study["StudyInstanceUID"], series["SeriesInstanceUID"], entry["metadata"]["SOPInstanceUID"])
            assert entry["url"] == f"wadors:{instance_path(uids)}/frames/1"
    values = next(entries(study))["metadata"]
    assert values["ImageType"] == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert values["PixelSpacing"] == [0.5, 0.5]
    assert (values["Rows"], values["RescaleSlope"], values["PatientName"]) == (8, 1, "Doe^Jane")


def test_every_study_of_pydicoms_files(gallery: Served) -> None:
    check_studies(gallery)


def test_every_study_of_real_files(corpus_gallery: Served) -> None:
    check_studies(corpus_gallery)


def check_studies(served: Served) -> None:
    frames = {
        tuple(row[:3]): row[3]
        for row in served.app.store.reader().execute(
            "SELECT studies.uid, series.uid, instances.uid, frames FROM instances "
            "JOIN series ON series.id = series JOIN studies ON studies.id = study"
        )
    }
    seen: Counter[tuple[str, str, str]] = Counter()
    changed = []
    for study_uid in {uids[0] for uids in frames}:
        study = get(served, study_uid)
        upper = {key: study[key] for key in study.keys() - {"series", "NumInstances", "Modalities"}}
        assert upper.keys() <= STUDY_KEYS
        assert len({series["SeriesInstanceUID"] for series in study["series"]}) == len(study["series"])
        for series in study["series"]:
            assert set(series) == SERIES_KEYS
            for entry in series["instances"]:
                uid = entry["metadata"]["SOPInstanceUID"]
                place = (study_uid, series["SeriesInstanceUID"], uid)
                seen[place] += 1
                assert entry["url"] == f"wadors:{instance_path(place)}/frames/{seen[place]}"
                if seen[place] > 1:
                    assert set(entry["metadata"]) == {"SOPInstanceUID"}
                    continue
                # What OHIF makes of it: upper keys hide the instance's own.
                merged = entry["metadata"] | {"SeriesInstanceUID": series["SeriesInstanceUID"]} | upper
                own = {key: entry["metadata"].get(key, "") for key in merged}
                changed += [f"{uid}: {key}" for key in merged if own[key] not in ("", merged[key])]
        assert study["NumInstances"] == len({place for place in seen if place[0] == study_uid})
    assert seen == frames
    # A study's own date, time and description are said by its first file; nothing else may differ.
    assert not [
        line for line in changed if line.rpartition(" ")[2] not in ("StudyDate", "StudyTime", "StudyDescription")
    ]


def test_each_frame_has_an_entry(served: Served, tmp_path: Path) -> None:
    path = save(make_image(NumberOfFrames=12), tmp_path / "image")
    served.add(path)
    study, _, uid = served.place(path)
    (series,) = get(served, study)["series"]
    first, *others = series["instances"]
    assert first["metadata"]["NumberOfFrames"] == 12
    assert [entry["metadata"] for entry in others] == [{"SOPInstanceUID": uid}] * 11
    bodies = [served.ask(entry["url"].removeprefix("wadors:"), ONE_PART).one() for entry in series["instances"]]
    assert b"".join(bodies) == path.read_bytes()[-12 * 128 :]


@pytest.mark.parametrize("frames", ["2000000000", "99999999999999999999", "-5", "0", "", "1e9", "many"])
def test_a_broken_number_of_frames_makes_no_endless_answer(shelf: Served, tmp_path: Path, frames: str) -> None:
    dataset = make_image(StudyInstanceUID=generate_uid())
    path = save(dataset, tmp_path / "image")
    element = b"\x28\x00\x08\x00IS" + (len(frames) + len(frames) % 2).to_bytes(2, "little")
    element += frames.encode() + b" " * (len(frames) % 2)
    rows = b"\x28\x00\x10\x00US"
    data = path.read_bytes()
    assert data.count(rows) == 1
    path.write_bytes(data.replace(rows, element + rows))
    shelf.add(path)
    study, *_ = shelf.place(path)
    assert len(list(entries(get(shelf, study)))) == 1
    assert shelf.ask(f"{shelf.instance(path)}/frames/1", ONE_PART).one() == data[-128:]
    shelf.ask(f"{shelf.instance(path)}/frames/2", ONE_PART).sentence(404)


NAMES = (
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "=山田^太郎",
    "O\"Brien^'Pat'",
    "</script><script>alert(1)</script>",
    "a\\\\b{}[]:,",
    "😀^🧑‍⚕️",
    "Ü" * 60,
    "tab\tand bell\x07",
    "line\u2028separator\u2029",
    "\ufeffmark",
    "null",
    "%00%0a",
)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_stays_valid(shelf: Served, tmp_path: Path, name: str) -> None:
    name = name.replace("\\\\", "/")
    path = save(
        make_image(
            StudyInstanceUID=generate_uid(),
            SpecificCharacterSet="ISO_IR 192",
            PatientName=name,
            StudyDescription=name[:64],
            PatientID="P1",
        ),
        tmp_path / "image",
    )
    shelf.add(path)
    study, *_ = shelf.place(path)
    found = get(shelf, study)
    assert found["PatientName"] == name
    assert next(entries(found))["metadata"]["PatientName"] == name
    assert found["StudyDescription"] == name[:64]
    (model,) = shelf.json(f"/dicom-web/studies/{study}/metadata")
    groups = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False))
    expected = {key: value for key, value in groups.items() if value}
    assert model["00100010"]["Value"] == [expected]
    (listed,) = shelf.json(f"/dicom-web/studies?StudyInstanceUID={study}")
    assert listed["00100010"]["Value"] == [expected]
    (made,) = shelf.json(f"/display-sets?study={study}")
    assert made["StudyInstanceUID"] == study


@pytest.mark.parametrize(
    ("raw", "character_set"),
    [
        (b"\xed\xa0\x80Doe^X", "ISO_IR 192"),  # half of a surrogate pair
        (b"Doe\xff\xfe^X ", "ISO_IR 192"),
        (b"\xc3", "ISO_IR 192"),
        (b"M\xfcller^X", "ISO_IR 100"),
        (b"\x1b$B;3ED^X", "ISO 2022 IR 87"),
        (b"Doe\x00^\x01X ", "ISO_IR 100"),
        (b"\x1b]0;evil\x07^X ", "ISO_IR 6"),
    ],
)
def test_bytes_that_are_no_text_stay_valid(shelf: Served, tmp_path: Path, raw: bytes, character_set: str) -> None:
    size = len(raw) // 2 * 2
    path = save(
        make_image(StudyInstanceUID=generate_uid(), SpecificCharacterSet="ISO_IR 100", PatientName="N" * size),
        tmp_path / "image",
    )
    data = path.read_bytes().replace(b"N" * size, raw[:size])
    value = character_set.encode() + b" " * (len(character_set) % 2)
    assert data.count(b"CS\x0a\0ISO_IR 100") == 1
    path.write_bytes(data.replace(b"CS\x0a\0ISO_IR 100", b"CS" + len(value).to_bytes(2, "little") + value))
    shelf.add(path)
    study, *_ = shelf.place(path)
    for address in (
        f"/studies/{study}/ohif-dicom-json",
        f"/dicom-web/studies/{study}/metadata",
        "/dicom-web/studies",
        "/dicom-web/instances",
        f"/display-sets?study={study}",
    ):
        answer = shelf.ask(address)
        assert answer.status == 200
        text = json.dumps(answer.json())
        # JSON may write surrogates in pairs only.
        assert "\\ud800" not in text


def test_an_instance_that_is_no_image_has_an_address_too(gallery: Served, pydicom_files: Path) -> None:
    for name in ("reportsi.dcm", "rtplan.dcm", "rtstruct.dcm", "waveform_ecg.dcm"):
        study, _, uid = gallery.place(pydicom_files / name)
        found = [entry for entry in entries(get(gallery, study)) if entry["metadata"]["SOPInstanceUID"] == uid]
        assert len(found) == 1
        assert found[0]["url"].startswith("wadors:/dicom-web/studies/")


def test_what_is_added_later_is_there_at_once(served: Served, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "stack", 4)
    served.add(paths[0])
    study, *_ = served.place(paths[0])
    assert len(list(entries(get(served, study)))) == 1
    served.add(*paths)
    assert len(list(entries(get(served, study)))) == 4
    assert len(served.json(f"/dicom-web/studies/{study}/metadata")) == 4
    assert len(served.json(f"/dicom-web/studies/{study}/instances")) == 4


def test_it_is_sent_compressed_to_whoever_takes_that(served: Served, tmp_path: Path) -> None:
    served.add(*make_stack(tmp_path / "stack", 4))
    study = next(iter(served.places().values()))[0]
    address = f"/studies/{study}/ohif-dicom-json"
    plain = served.ask(address)
    assert plain.header("content-encoding") is None
    assert plain.header("vary") == "accept-encoding"
    for accepted in ("gzip", "br, gzip;q=0.5", "*"):
        packed = served.ask(address, headers={"Accept-Encoding": accepted})
        assert packed.header("content-encoding") == "gzip"
        assert packed.header("content-type") == "application/json"
        assert gzip.decompress(packed.body) == plain.body
        assert packed.header("etag") == plain.header("etag")
    for refused in ("", "br", "gzip;q=0", "identity, *;q=0", "gzip;q=none"):
        assert served.ask(address, headers={"Accept-Encoding": refused}).body == plain.body


def test_who_has_it_is_sent_nothing(served: Served, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "stack", 3)
    served.add(paths[0])
    study = served.place(paths[0])[0]
    address = f"/studies/{study}/ohif-dicom-json"
    etag = served.ask(address).header("etag") or ""
    assert re.fullmatch(r'W/"[0-9a-f]{32}"', etag)
    for known in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        answer = served.ask(address, headers={"If-None-Match": known})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.header("etag") == etag
        assert answer.header("content-type") is None
    assert served.ask(address, headers={"If-None-Match": '"other"'}).status == 200
    served.add(*paths)
    answer = served.ask(address, headers={"If-None-Match": etag})
    assert answer.status == 200
    assert answer.header("etag") != etag


def test_a_piece_can_be_looked_at(gallery: Served, pydicom_files: Path) -> None:
    study, _, uid = gallery.place(pydicom_files / "CT_small.dcm")
    answer = gallery.ask(f"/instances/{uid}/metadata")
    assert answer.header("content-type") == "application/json"
    (entry,) = [e for e in entries(get(gallery, study)) if e["metadata"]["SOPInstanceUID"] == uid]
    assert answer.json() == entry["metadata"]


def test_it_is_prepared_after_an_import_and_then_kept(served: Served, tmp_path: Path) -> None:
    paths = make_stack(tmp_path / "stack", 2)
    served.add(*paths)
    study = served.place(paths[0])[0]
    served.app.preloading.run()
    before = get(served, study)
    # What is kept is what is sent.
    served.change("UPDATE metadata SET ohif_json = x'00'")
    assert get(served, study) == before


def test_the_study_never_hides_what_an_instance_says(served: Served, tmp_path: Path) -> None:
    one, other, silent = make_stack(tmp_path / "stack", 3)
    said = {"StudyDescription": "Abdomen, late", "AccessionNumber": "A2"}
    for path, changes in ((other, said), (silent, dict.fromkeys(said, ""))):
        data = dcmread(path)
        for keyword, text in changes.items():
            setattr(data, keyword, text)
        data.save_as(path)
    served.add(one, other, silent)
    study = get(served, served.place(one)[0])
    assert study.keys() == STUDY_KEYS - said.keys()
    texts = [entry["metadata"].get("StudyDescription") for entry in entries(study)]
    assert texts == ["Abdomen", "Abdomen, late", None]


def test_a_value_in_a_sequence_does_not_count(served: Served, tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "image")
    data = dcmread(path)
    item = Dataset()
    item.AccessionNumber = "of another"
    data.RequestAttributesSequence = [item]
    data.save_as(path)
    served.add(path)
    assert get(served, served.place(path)[0])["AccessionNumber"] == "A1"
