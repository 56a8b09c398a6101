"""No mix-up: two things that share a UID stay two, and neither ever shows anything of the other."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, ask, make_image, save
from server.asking import MANY_PARTS, ONE_PART, Served, instance_path

STUDY, SERIES, INSTANCE = ROOT_UID + "5", ROOT_UID + "5.1", ROOT_UID + "5.1.1"
PEOPLE = {"Alphason": b"\xa1\x0a", "Betasen": b"\xb2\x0b", "Gammasey": b"\xc3\x0c"}

STORED = "application/dicom; transfer-syntax=*"


def write(folder: Path, person: str, *, uids: tuple[str, str, str] = (STUDY, SERIES, INSTANCE), **more: Any) -> Path:
    """Write an image all of whose values, down to its pixels, say whose it is."""
    dataset = make_image(
        StudyInstanceUID=uids[0],
        SeriesInstanceUID=uids[1],
        SOPInstanceUID=uids[2],
        **{
            "PatientName": f"{person}^First",
            "PatientID": f"{person}-ID",
            "StudyDescription": f"{person} study",
            "SeriesDescription": f"{person} series",
            "AccessionNumber": f"{person}-A",
            "StudyID": f"{person}-S",
            "ReferringPhysicianName": f"{person}^Doctor",
            "PatientComments": f"{person} comment",
            "PixelData": PEOPLE[person] * 64,
            **more,
        },
    )
    dataset.add_new(0x00091010, "LO", "A CREATOR")
    dataset.add_new(0x00091001, "OB", person.encode() * 500)
    return save(dataset, folder / person)


def everything(served: Served, uids: tuple[str, str, str]) -> dict[str, bytes]:
    """Return all that the server says of an instance, its series and its study."""
    study, series, _ = uids
    place = instance_path(uids)
    addresses = [
        f"/studies/{study}/ohif-dicom-json",
        f"/display-sets?study={study}",
        f"/dicom-web/studies?StudyInstanceUID={study}",
        f"/dicom-web/series?StudyInstanceUID={study}",
        f"/dicom-web/instances?SeriesInstanceUID={series}",
        f"/dicom-web/studies/{study}/series",
        f"/dicom-web/studies/{study}/instances",
        f"/dicom-web/studies/{study}/series/{series}/instances",
        f"/dicom-web/studies/{study}/metadata",
        f"/dicom-web/studies/{study}/series/{series}/metadata",
        f"{place}/metadata",
        f"{place}/frames/1",
        f"{place}/bulkdata/00091001",
        place,
    ]
    answers = {address: served.ask(address) for address in addresses}
    assert {address: answer.status for address, answer in answers.items() if answer.status != 200} == {}
    return {address: answer.body for address, answer in answers.items()}


@pytest.mark.parametrize("shared", ["study", "study and series", "all"])
@pytest.mark.parametrize("together", [True, False])
def test_two_patients_in_one_study_uid(served: Served, tmp_path: Path, shared: str, together: bool) -> None:
    paths = {}
    for number, person in enumerate(PEOPLE):
        uids = {
            "study": (STUDY, f"{SERIES}{number}", f"{INSTANCE}{number}"),
            "study and series": (STUDY, SERIES, f"{INSTANCE}{number}"),
            "all": (STUDY, SERIES, INSTANCE),
        }[shared]
        paths[person] = write(tmp_path / "files", person, uids=uids)
    if together:
        served.add(tmp_path / "files")
    else:
        for path in paths.values():
            served.add(path)
    places = {person: served.place(path) for person, path in paths.items()}
    assert len({uids[0] for uids in places.values()}) == 3
    assert len(served.json("/dicom-web/studies")) == 3
    for person, uids in places.items():
        others = {uid for place in places.values() for uid in place} - set(uids)
        for address, body in everything(served, uids).items():
            said = [
                other for other in PEOPLE if (PEOPLE[other] * 64 if "frames" in address else other.encode()) in body
            ]
            assert said in ([person], []), f"{address} of {person} tells of {said}"
            if not address.startswith(instance_path(uids)):
                assert not [uid for uid in others if f'"{uid}"'.encode() in body]
        found = served.json(f"/dicom-web/studies?PatientID={person}-ID")
        assert [item["0020000D"]["Value"] for item in found] == [[uids[0]]]
        assert found[0]["00201206"]["Value"] == found[0]["00201208"]["Value"] == [1]
    for study, series, instance in itertools.product(*zip(*places.values(), strict=True)):
        status = 200 if (study, series, instance) in places.values() else 404
        for tail in ("", "/frames/1", "/metadata"):
            assert served.ask(instance_path((study, series, instance)) + tail).status == status


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"PatientID": "1"}, {"PatientID": "2"}, False),
        ({"PatientName": "Doe^A"}, {"PatientName": "Doe^B"}, False),
        ({"PatientBirthDate": "19700101"}, {"PatientBirthDate": "19700102"}, False),
        ({"PatientName": "DOE^A "}, {"PatientName": "Doe^a^^"}, True),
        ({"PatientID": ""}, {"PatientID": "2"}, True),
    ],
)
def test_who_is_who(served: Served, tmp_path: Path, one: dict[str, str], other: dict[str, str], same: bool) -> None:
    common = {"PatientName": "N^N", "PatientID": "I", "PatientBirthDate": "19600101"}
    first = write(tmp_path / "a", "Alphason", **{**common, **one})
    second = write(tmp_path / "b", "Betasen", uids=(STUDY, SERIES, INSTANCE + "2"), **{**common, **other})
    served.add(first, second)
    assert (served.place(first)[0] == served.place(second)[0]) is same
    assert len(served.json("/dicom-web/studies")) == (1 if same else 2)


def test_two_files_of_one_instance_are_both_listed_and_each_gives_its_own_pixels(
    served: Served, tmp_path: Path
) -> None:
    name = {"PatientName": "Same^Person", "PatientID": "same"}
    paths = {person: write(tmp_path, person, **name) for person in PEOPLE}
    served.add(tmp_path)
    places = {person: served.place(path) for person, path in paths.items()}
    assert len({uids[2] for uids in places.values()}) == 3
    assert len({uids[:2] for uids in places.values()}) == 1
    (study, series, _) = places["Alphason"]
    listed = served.json(f"/dicom-web/studies/{study}/series/{series}/instances")
    assert {item["00080018"]["Value"][0] for item in listed} == {uids[2] for uids in places.values()}
    (found,) = served.json(f"/studies/{study}/ohif-dicom-json")["studies"]
    entries = {entry["metadata"]["SOPInstanceUID"]: entry for entry in found["series"][0]["instances"]}
    assert len(entries) == 3
    sets = served.json(f"/display-sets?study={study}")
    assert sorted(uid for made in sets for uid in made["instances"]) == sorted(entries)
    for person, uids in places.items():
        pixels = PEOPLE[person] * 64
        entry = entries[uids[2]]
        assert served.ask(entry["url"].removeprefix("wadors:"), ONE_PART).one() == pixels
        assert entry["metadata"]["PatientComments"] == f"{person} comment"
        (part,) = served.ask(instance_path(uids) + "/frames/1", MANY_PARTS).parts()
        assert part.body == pixels
        (model,) = served.json(instance_path(uids) + "/metadata")
        assert model["00104000"]["Value"] == [f"{person} comment"]
        assert model["00080018"]["Value"] == [uids[2]]
        assert model["00091001"]["BulkDataURI"] == instance_path(uids) + "/bulkdata/00091001"
        assert served.ask(model["00091001"]["BulkDataURI"]).one() == person.encode() * 500
        assert served.ask(instance_path(uids), STORED).one() == paths[person].read_bytes()


def test_conflicts_of_pydicoms_files_each_give_their_own(gallery: Served, pydicom_files: Path) -> None:
    names = [path.name for path in pydicom_files.glob("MR_small*.dcm")]
    places = {name: gallery.place(pydicom_files / name) for name in names}
    assert len(set(places.values())) == len(names) >= 8
    (study,) = {uids[0] for uids in places.values()}
    (found,) = gallery.json(f"/studies/{study}/ohif-dicom-json")["studies"]
    listed = {entry["metadata"]["SOPInstanceUID"] for series in found["series"] for entry in series["instances"]}
    assert listed >= {uids[2] for uids in places.values()}
    for name, uids in places.items():
        assert gallery.ask(instance_path(uids), STORED).one() == (pydicom_files / name).read_bytes()


@pytest.mark.parametrize("first", ["Alphason", "Betasen"])
def test_what_is_imported_again_keeps_its_uids(served: Served, tmp_path: Path, first: str) -> None:
    folder = tmp_path / "files"
    paths = {person: write(folder, person) for person in ("Alphason", "Betasen")}
    served.app.importing.start(ask(paths[first])).wait()
    served.app.importing.start(ask(folder)).wait()
    before = served.places()
    told = {path: everything(served, uids) for path, uids in before.items()}
    assert served.app.importing.start(ask(folder)).wait().viewable == 2
    assert served.places() == before
    for path, uids in before.items():
        again = everything(served, uids)
        texts = [address for address in told[path] if "json" in address or "metadata" in address]
        assert [again[address] for address in texts] == [told[path][address] for address in texts]
