"""Adding files: who they belong to, and whether they were there before."""

import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pydicom.uid import generate_uid
from unit.helpers import file_ref, header_of, header_of_bytes, small_image
from unit.library.conftest import Library

from desktop.dicom.metadata import unpack
from desktop.dicom.records import FileRef, Patient
from desktop.errors import NotDicom, Unreadable
from desktop.library.adding import same_patient
from desktop.library.heirs import choose_heirs, let_heirs_stand_in
from desktop.library.outcomes import Outcome, Refusal
from desktop.library.queries import Form, find_studies, search_studies, stored_metadata

ADDED, UPDATED, DUPLICATE, CONFLICT = Outcome.ADDED, Outcome.UPDATED, Outcome.DUPLICATE, Outcome.CONFLICT
STUDY = ROOT_UID + "1"


def image(folder: Path, name: str, **attributes: Any) -> Path:
    return save(make_image(**attributes), folder / name)


def patients_of(library: Library) -> list[tuple[object, ...]]:
    """Return (PatientID, PatientName, served study, number of instances) of each study."""
    return library.rows(
        "SELECT PatientID, PatientName, studies.uid, (SELECT total(instances) FROM series WHERE study = studies.id) "
        "FROM studies JOIN patients ON patients.id = patient ORDER BY studies.id"
    )


# Outcomes


def test_added_then_updated(library: Library, tmp_path: Path) -> None:
    path = image(tmp_path, "a")
    (outcome,) = library.add_files(path)
    assert (outcome.outcome, outcome.reason, outcome.study, outcome.path) == (ADDED, "", STUDY, str(path))
    assert library.rows("SELECT outcome, size, mtime_ns FROM files") == [
        ("added", path.stat().st_size, path.stat().st_mtime_ns)
    ]
    image(tmp_path, "a", SeriesDescription="Changed", SeriesInstanceUID=ROOT_UID + "1.9")
    (outcome,) = library.add_files(path)
    assert outcome.outcome is UPDATED
    assert library.rows("SELECT SeriesDescription, instances FROM series") == [("Changed", 1)]
    assert library.rows("SELECT count(*) FROM instances") == [(1,)]


def test_notes_become_reasons(library: Library, tmp_path: Path) -> None:
    path = image(tmp_path, "a")
    path.write_bytes(path.read_bytes()[:-10])
    (outcome,) = library.add_files(path)
    assert outcome.outcome is ADDED
    assert "cut short" in outcome.reason
    assert library.rows("SELECT reason FROM files") == [(outcome.reason,)]


@pytest.mark.parametrize("outcome", [Outcome.NOT_DICOM, Outcome.REJECTED])
def test_a_file_that_became_something_else_leaves_the_library(
    outcome: Outcome, library: Library, tmp_path: Path
) -> None:
    one, other = image(tmp_path, "a"), image(tmp_path, "b", StudyInstanceUID="1.5", SeriesInstanceUID="1.5.1")
    library.add_files(one, other)
    (found,) = library.add([Refusal(file_ref(one), outcome, "It is a text.")])
    assert (found.outcome, found.reason, found.study) == (outcome, "It is a text.", "")
    assert [row[2] for row in patients_of(library)] == ["1.5"]
    assert library.rows("SELECT outcome, reason FROM files WHERE path = ?", os.fsencode(one)) == [
        (outcome.value, "It is a text.")
    ]
    assert library.add_files(one)[0].outcome is ADDED


def test_the_same_bytes_twice_are_a_duplicate(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twins = [tmp_path / "b", tmp_path / "c"]
    for twin in twins:
        twin.write_bytes(one.read_bytes())
    outcomes = library.add_files(one, *twins)
    assert [outcome.outcome for outcome in outcomes] == [ADDED, DUPLICATE, DUPLICATE]
    assert outcomes[1].reason == f"The same file is there already: {one}"
    assert outcomes[1].study == STUDY
    assert library.rows("SELECT count(*) FROM instances") == [(1,)]
    # The same when they come one after another, and when they are met again.
    assert [outcome.outcome for outcome in library.add_files(*twins)] == [DUPLICATE, DUPLICATE]


def test_a_file_that_was_moved_is_found_in_its_new_place(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    library.add_files(one)
    moved = one.rename(tmp_path / "b")
    (outcome,) = library.add_files(moved)
    assert outcome.outcome is UPDATED
    assert library.rows("SELECT path FROM files") == [(os.fsencode(moved),)]
    assert library.rows("SELECT count(*) FROM instances") == [(1,)]


def test_a_duplicate_takes_the_place_of_one_that_is_gone(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twin = tmp_path / "b"
    twin.write_bytes(one.read_bytes())
    library.add_files(one, twin)
    one.unlink()
    (outcome,) = library.add_files(twin)
    assert outcome.outcome is UPDATED
    assert library.rows("SELECT path, outcome FROM files") == [(os.fsencode(twin), "updated")]


def test_a_duplicate_stands_in_for_a_file_that_has_changed(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twin = tmp_path / "b"
    twin.write_bytes(one.read_bytes())
    uid = header_of(one).instance.SOPInstanceUID
    library.add_files(one, twin)
    image(tmp_path, "a", SOPInstanceUID=ROOT_UID + "77")
    assert library.add_files(one)[0].outcome is UPDATED
    assert sorted(library.rows("SELECT path, instances.uid FROM instances JOIN files ON files.id = file")) == sorted(
        [(os.fsencode(twin), uid), (os.fsencode(one), ROOT_UID + "77")]
    )


def test_a_duplicate_stands_in_for_a_file_that_is_no_dicom_any_more(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twin = tmp_path / "b"
    twin.write_bytes(one.read_bytes())
    library.add_files(one, twin)
    one.write_text("a text")
    library.add([Refusal(file_ref(one), Outcome.NOT_DICOM, "It is a text.")])
    assert library.rows("SELECT path FROM instances JOIN files ON files.id = file") == [(os.fsencode(twin),)]
    assert library.rows("SELECT outcome FROM files WHERE path = ?", os.fsencode(one)) == [("not_dicom",)]


def test_a_file_that_was_touched_keeps_its_duplicates(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twin = tmp_path / "b"
    twin.write_bytes(one.read_bytes())
    library.add_files(one, twin)
    os.utime(one, ns=(1, 1))
    assert library.add_files(one)[0].outcome is UPDATED
    assert library.rows("SELECT path FROM files WHERE twin = (SELECT id FROM instances)") == [(os.fsencode(twin),)]


def test_a_third_file_is_a_duplicate_of_the_one_that_stands_in(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twin, third = tmp_path / "b", tmp_path / "c"
    twin.write_bytes(one.read_bytes())
    library.add_files(one, twin)
    one.rename(third)
    (outcome,) = library.add_files(third)
    assert (outcome.outcome, str(twin) in outcome.reason) == (DUPLICATE, True)
    assert library.rows("SELECT path FROM instances JOIN files ON files.id = file") == [(os.fsencode(twin),)]


def test_duplicates_stand_in_for_what_is_not_here(library: Library, tmp_path: Path) -> None:
    (tmp_path / "disc").mkdir()
    files = [image(tmp_path / "disc", name, InstanceNumber=number) for number, name in enumerate("ab", start=1)]
    library.add_files(*files)
    copies = [tmp_path / file.name for file in files]
    for file, copy in zip(files, copies, strict=True):
        copy.write_bytes(file.read_bytes())
    assert {outcome.outcome for outcome in library.add_files(*copies)} == {DUPLICATE}
    before = library.rows("SELECT id, uid FROM instances")
    assert choose_heirs(library.db, [STUDY]) == [], "they are here"
    (tmp_path / "disc").rename(tmp_path / "out")
    chosen = choose_heirs(library.db, [STUDY])
    assert let_heirs_stand_in(library.db, chosen) == 2
    assert let_heirs_stand_in(library.db, chosen) == 0, "they are no duplicates any more"
    library.check()
    assert library.rows("SELECT id, uid FROM instances") == before
    paths = [path for (path,) in library.rows("SELECT path FROM instances JOIN files ON files.id = file")]
    assert paths == [os.fsencode(copy) for copy in copies]


def test_a_new_file_that_is_gone_drops_no_other(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    twin = tmp_path / "b"
    twin.write_bytes(one.read_bytes())
    library.add_files(one)
    read = header_of(twin)
    twin.unlink()
    (outcome,) = library.add([read])
    assert outcome.outcome is Outcome.REJECTED
    assert "cannot be read" in outcome.reason
    assert library.rows("SELECT path FROM files JOIN instances ON file = files.id") == [(os.fsencode(one),)]


# Conflicts: one SOP Instance UID, several contents


def test_a_conflicting_instance_gets_a_uid_of_its_own_everywhere(library: Library, tmp_path: Path) -> None:
    document = b"\7" * 3000
    one = image(tmp_path, "a", SOPInstanceUID="1.2.3", EncapsulatedDocument=document)
    other = image(tmp_path, "b", SOPInstanceUID="1.2.3", EncapsulatedDocument=document, InstanceNumber=2)
    outcomes = library.add_files(one, other)
    assert [outcome.outcome for outcome in outcomes] == [ADDED, CONFLICT]
    assert outcomes[1].reason.startswith(f"It has the SOP Instance UID of {one}, but other content. Both are kept")
    pieces = stored_metadata(library.db, Form.DICOM_JSON, STUDY)
    plain = stored_metadata(library.db, Form.OHIF_JSON, STUDY)
    uids = [piece.SOPInstanceUID for piece in pieces]
    assert uids[0] == "1.2.3"
    assert uids[1].startswith("2.25.")
    for uid, piece, text in zip(uids, pieces, plain, strict=True):
        model, ohif = json.loads(unpack(piece.packed)), json.loads(unpack(text.packed))
        assert model["00080018"] == {"vr": "UI", "Value": [uid]}
        assert ohif["SOPInstanceUID"] == uid
        place = f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{uid}/bulkdata/00420011"
        assert model["00420011"]["BulkDataURI"] == ohif["EncapsulatedDocument"]["BulkDataURI"] == place
    # The same file keeps its UID when it is met again.
    assert library.add_files(other)[0].outcome is CONFLICT
    assert [piece.SOPInstanceUID for piece in stored_metadata(library.db, Form.DICOM_JSON, STUDY)] == uids


def test_the_first_of_a_conflict_keeps_its_uid_when_it_is_read_again(library: Library, tmp_path: Path) -> None:
    one, other = (image(tmp_path, name, SOPInstanceUID="1.2.3", InstanceNumber=n) for n, name in enumerate("ab"))
    library.add_files(one, other)
    query = "SELECT path, uid, conflict FROM instances JOIN files ON files.id = file ORDER BY path"
    before = library.rows(query)
    assert [(uid == "1.2.3", conflict) for _, uid, conflict in before] == [(True, 0), (False, 1)]
    for again in ((one,), (other,), (one, other), (other, one)):
        library.add_files(*again)
        assert library.rows(query) == before
    # It is another image now, but of the same name, as the one in this place was.
    image(tmp_path, "a", SOPInstanceUID="1.2.3", InstanceNumber=3)
    library.add_files(one)
    assert library.rows(query) == before


def test_several_conflicts_and_their_duplicates(library: Library, tmp_path: Path) -> None:
    files = [image(tmp_path, str(number), SOPInstanceUID="1.2.3", InstanceNumber=number) for number in range(4)]
    copies = [tmp_path / f"copy{number}" for number in range(4)]
    for file, copy in zip(files, copies, strict=True):
        copy.write_bytes(file.read_bytes())
    assert [outcome.outcome for outcome in library.add_files(*files)] == [ADDED, CONFLICT, CONFLICT, CONFLICT]
    outcomes = library.add_files(*copies)
    assert [outcome.outcome for outcome in outcomes] == [DUPLICATE] * 4
    assert [outcome.reason.endswith(str(file)) for outcome, file in zip(outcomes, files, strict=True)] == [True] * 4
    assert library.rows("SELECT count(DISTINCT uid), count(*) FROM instances") == [(4, 4)]


def test_what_is_on_a_stick_that_is_out_stays(library: Library, tmp_path: Path) -> None:
    one, other = (image(tmp_path, name, SOPInstanceUID="1.2.3", InstanceNumber=n) for n, name in enumerate("ab"))
    library.add_files(one)
    one.unlink()
    assert library.add_files(other)[0].outcome is Outcome.CONFLICT
    assert library.rows("SELECT count(*) FROM instances") == [(2,)]
    gone = Refusal(FileRef(str(one), 0, 0), Outcome.REJECTED, "It cannot be read.", unreachable=True)
    (outcome,) = library.add([gone])
    assert outcome.outcome is Outcome.REJECTED
    assert library.rows("SELECT count(*) FROM instances") == [(2,)]


def test_values_that_the_database_does_not_take_reject_their_file_alone(library: Library, tmp_path: Path) -> None:
    good, bad = (header_of(image(tmp_path, name)) for name in ("good", "bad"))
    hostile = replace(bad, pixels=replace(bad.pixels, frame_bits=1 << 70))
    last = header_of(image(tmp_path, "last"))
    outcomes = library.add([good, hostile, last])
    assert [item.outcome for item in outcomes] == [Outcome.ADDED, Outcome.REJECTED, Outcome.ADDED]
    assert library.rows("SELECT count(*) FROM instances") == [(2,)]


def test_patients_of_two_studies_are_not_mixed(library: Library, tmp_path: Path) -> None:
    for number, sex in enumerate("FM", start=1):
        study = {"StudyInstanceUID": f"1.{number}", "SeriesInstanceUID": f"1.{number}.1"}
        library.add_files(image(tmp_path, sex, PatientName="", PatientID="", PatientSex=sex, **study))
    assert [(entry.study.StudyInstanceUID, entry.patient.PatientSex) for entry in find_studies(library.db)] == [
        ("1.1", "F"),
        ("1.2", "M"),
    ]


# Patients


def test_two_patients_with_one_study_uid_are_kept_apart(library: Library, tmp_path: Path) -> None:
    names = {"Doe^Jane": "P1", "Roe^Richard": "P2", "Poe^Edgar": "P3"}
    for name, patient_id in names.items():
        for number in (1, 2):
            library.add_files(
                image(tmp_path, f"{patient_id}.{number}", PatientName=name, PatientID=patient_id, InstanceNumber=number)
            )
    studies = patients_of(library)
    assert [(row[0], row[1], row[3]) for row in studies] == [(names[name], name, 2) for name in names]
    assert len({row[2] for row in studies}) == 3
    assert studies[0][2] == STUDY
    # Each study's metadata are its own patient's, under its own UIDs.
    seen = set()
    for patient_id, name, uid, _ in studies:
        for piece in stored_metadata(library.db, Form.OHIF_JSON, str(uid)):
            plain = json.loads(unpack(piece.packed))
            assert (plain["PatientID"], plain["PatientName"]) == (patient_id, name)
            assert (plain["StudyInstanceUID"], plain["SeriesInstanceUID"]) == (uid, piece.series_uid)
            assert plain["SOPInstanceUID"] == piece.SOPInstanceUID
            seen.add((piece.series_uid, piece.SOPInstanceUID))
    assert len({series for series, _ in seen}) == 3
    assert len({instance for _, instance in seen}) == 6


@pytest.mark.parametrize("one_batch", [True, False])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_the_order_of_files_mixes_no_patients(
    order: tuple[int, ...], one_batch: bool, library: Library, tmp_path: Path
) -> None:
    files = [
        image(tmp_path, str(number), PatientID=f"P{number % 2}", PatientName=f"Name{number % 2}", InstanceNumber=number)
        for number in range(4)
    ]
    batches = [[files[number] for number in order]] if one_batch else [[files[number]] for number in order]
    for batch in batches:
        library.add_files(*batch)
    assert sorted(row[:2] + row[3:] for row in patients_of(library)) == [("P0", "Name0", 2), ("P1", "Name1", 2)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "DOE^JANE"}, True),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe^Jane^^^"}, True),
        ({"PatientName": "Doe^Jane"}, {"PatientName": " Doe ^ Jane "}, True),
        ({"PatientName": "Doe^Mary  Jane"}, {"PatientName": "Doe^Mary Jane"}, True),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe^Jane="}, True),
        ({"PatientName": "Straße^A"}, {"PatientName": "STRASSE^A"}, True),
        ({"PatientID": "P1"}, {"PatientID": "P1 "}, True),
        ({"PatientName": "Doe^Jane"}, {"PatientName": ""}, True),
        ({"PatientID": "P1"}, {"PatientID": ""}, True),
        ({"PatientBirthDate": "19700101"}, {"PatientBirthDate": ""}, True),
        ({"PatientSex": "F"}, {"PatientSex": "M"}, True),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe^Janet"}, False),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Jane^Doe"}, False),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe Jane"}, False),
        ({"PatientName": "Müller"}, {"PatientName": "Muller"}, False),
        ({"PatientID": "P1"}, {"PatientID": "p1"}, False),
        ({"PatientID": "P1"}, {"PatientID": "P01"}, False),
        ({"PatientBirthDate": "19700101"}, {"PatientBirthDate": "19700102"}, False),
        ({"IssuerOfPatientID": "A"}, {"IssuerOfPatientID": "B"}, False),
        ({"PatientID": "P1", "PatientName": ""}, {"PatientID": "P1", "PatientName": "Doe"}, True),
        ({"PatientID": "P1", "PatientName": "Doe"}, {"PatientID": "P2", "PatientName": "Doe"}, False),
    ],
)
def test_who_may_be_the_same_patient(one: dict[str, str], other: dict[str, str], same: bool) -> None:
    assert same_patient(Patient(**one), Patient(**other)) is same
    assert same_patient(Patient(**other), Patient(**one)) is same


def test_names_that_differ_in_case_and_padding_are_one_patient(library: Library, tmp_path: Path) -> None:
    for number, name in enumerate(("Doe^Jane", "DOE^JANE", "Doe^Jane^^", "doe^jane ")):
        library.add_files(image(tmp_path, str(number), PatientName=name, InstanceNumber=number))
    assert patients_of(library) == [("P1", "Doe^Jane", STUDY, 4)]


BLANK = {"PatientID": "", "PatientName": "", "PatientBirthDate": ""}


def test_a_blank_identity_is_filled_in_later(library: Library, tmp_path: Path) -> None:
    library.add_files(image(tmp_path, "a", **BLANK))
    assert patients_of(library) == [("", "", STUDY, 1)]
    library.add_files(image(tmp_path, "b", InstanceNumber=2))
    assert patients_of(library) == [("P1", "Doe^Jane", STUDY, 2)]
    assert [entry.patient.PatientID for entry in search_studies(library.db, "jane")] == ["P1"]
    # And the other way round: what a later file leaves blank takes nothing away.
    library.add_files(image(tmp_path, "c", **BLANK, InstanceNumber=3))
    assert patients_of(library) == [("P1", "Doe^Jane", STUDY, 3)]


def test_patients_without_identity_are_not_filled_in_together(library: Library, tmp_path: Path) -> None:
    # Two studies of unknown patients share a row of patients; one of them becomes known.
    library.add_files(image(tmp_path, "a", **BLANK), image(tmp_path, "b", **BLANK, **OTHER_STUDY))
    library.add_files(image(tmp_path, "c", InstanceNumber=2))
    assert patients_of(library) == [("P1", "Doe^Jane", STUDY, 2), ("", "", OTHER_STUDY["StudyInstanceUID"], 1)]


OTHER_STUDY = {"StudyInstanceUID": "1.5", "SeriesInstanceUID": "1.5.1"}


@pytest.mark.parametrize("unknown", [BLANK, {"PatientID": "", "PatientBirthDate": "", "PatientName": "Doe^Jane"}])
def test_a_file_that_could_be_of_two_patients_is_given_to_neither(
    unknown: dict[str, str], library: Library, tmp_path: Path
) -> None:
    library.add_files(
        image(tmp_path, "a", PatientID="P1", PatientName="Doe^Jane"),
        image(tmp_path, "b", PatientID="P2", PatientName="Doe^Jane"),
    )
    library.add_files(image(tmp_path, "c", **unknown))
    library.add_files(image(tmp_path, "d", **unknown, InstanceNumber=2))
    found = patients_of(library)
    assert [row[3] for row in found] == [1, 1, 2]
    assert (found[2][0], found[2][1]) == ("", unknown["PatientName"])
    # Those whose patient is certain still go to him.
    library.add_files(image(tmp_path, "e", PatientID="P2", PatientName="DOE^JANE", PatientBirthDate=""))
    assert [row[3] for row in patients_of(library)] == [1, 2, 2]
    # The study of the unknown one becomes a third patient's, and another unknown one comes.
    library.add_files(image(tmp_path, "f", PatientID="P3", PatientName="Doe^Jane"))
    library.add_files(image(tmp_path, "g", **unknown, InstanceNumber=3))
    found = patients_of(library)
    assert [(row[0], row[3]) for row in found] == [("P1", 1), ("P2", 2), ("P3", 3), ("", 1)]
    assert len({row[2] for row in found}) == 4


def test_what_a_study_and_series_do_not_say_is_filled_in_later(library: Library, tmp_path: Path) -> None:
    blank = {
        "StudyDate": "",
        "StudyDescription": "",
        "AccessionNumber": "",
        "SeriesNumber": None,
        "SeriesDescription": "",
    }
    library.add_files(image(tmp_path, "a", **blank))
    library.add_files(image(tmp_path, "b", InstanceNumber=2))
    library.add_files(image(tmp_path, "c", InstanceNumber=3, StudyDescription="Other", SeriesDescription="Other"))
    assert library.rows("SELECT StudyDate, StudyDescription, AccessionNumber FROM studies") == [
        ("20260102", "Abdomen", "A1")
    ]
    assert library.rows("SELECT SeriesNumber, SeriesDescription FROM series") == [(1, "Axial")]
    assert len(search_studies(library.db, "abdomen")) == 1


# Series


def test_one_series_uid_in_two_studies(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a", EncapsulatedDocument=b"\7" * 2000)
    other = image(tmp_path, "b", StudyInstanceUID="1.5", EncapsulatedDocument=b"\7" * 2000)
    library.add_files(one, other)
    (first,), (second,) = (stored_metadata(library.db, Form.DICOM_JSON, uid) for uid in (STUDY, "1.5"))
    assert first.series_uid == ROOT_UID + "1.1"
    assert second.series_uid.startswith("2.25.")
    model = json.loads(unpack(second.packed))
    assert model["0020000E"]["Value"] == [second.series_uid]
    assert model["0020000D"]["Value"] == ["1.5"]
    assert f"/studies/1.5/series/{second.series_uid}/" in model["00420011"]["BulkDataURI"]
    # The next of the series goes the same way.
    library.add_files(image(tmp_path, "c", StudyInstanceUID="1.5", InstanceNumber=2))
    assert {piece.series_uid for piece in stored_metadata(library.db, Form.DICOM_JSON, "1.5")} == {second.series_uid}


def test_versions_grow_with_each_change(library: Library, tmp_path: Path) -> None:
    def version() -> Any:
        return library.rows("SELECT version FROM studies WHERE uid = ?", STUDY)[0][0]

    one = image(tmp_path, "a")
    library.add_files(one, image(tmp_path, "x", **OTHER_STUDY))
    first = version()
    library.add_files(image(tmp_path, "b", InstanceNumber=2))
    second = version()
    library.add_files(image(tmp_path, "b", InstanceNumber=3))
    third = version()
    library.add([Refusal(file_ref(tmp_path / "b"), Outcome.NOT_DICOM, "It is a text.")])
    fourth = version()
    assert first < second < third < fourth
    # A duplicate, or another study's file, changes nothing.
    (tmp_path / "c").write_bytes(one.read_bytes())
    library.add_files(tmp_path / "c", image(tmp_path, "y", **OTHER_STUDY, InstanceNumber=2))
    assert version() == fourth


# Odd files


def test_duplicates_and_conflicts_of_names_that_are_no_text(library: Library, tmp_path: Path) -> None:
    paths = [os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller" + letter) for letter in (b"1", b"2", b"3")]
    data = image(tmp_path, "a", SOPInstanceUID="1.2.3").read_bytes()
    other = image(tmp_path, "a", SOPInstanceUID="1.2.3", InstanceNumber=2).read_bytes()
    (tmp_path / "a").unlink()
    for path, content in zip(paths, (data, data, other), strict=True):
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)
    outcomes = library.add_files(*map(Path, paths))
    assert [outcome.outcome for outcome in outcomes] == [ADDED, DUPLICATE, CONFLICT]
    assert [outcome.path for outcome in outcomes] == paths
    for outcome in outcomes[1:]:
        assert outcome.reason.encode()
        assert "\\udcfcller1" in outcome.reason


@pytest.mark.parametrize("keyword", ["InstanceNumber", "SeriesNumber"])
@pytest.mark.parametrize("value", ["99999999999999999999999", "1e300", "-" + "9" * 40, "9" * 5000])
def test_a_number_beyond_the_databases_stops_nothing(
    keyword: str, value: str, library: Library, tmp_path: Path
) -> None:
    path = image(tmp_path, "a", **{keyword: 7})
    tag = {"InstanceNumber": b"\x20\0\x13\0IS", "SeriesNumber": b"\x20\0\x11\0IS"}[keyword]
    text = value.encode() + b" " * (len(value) % 2)
    written = path.read_bytes().replace(tag + b"\2\0007 ", tag + len(text).to_bytes(2, "little") + text)
    path.write_bytes(written)
    assert text in written
    assert [outcome.outcome for outcome in library.add_files(path, image(tmp_path, "b"))] == [ADDED, ADDED]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=8))
def test_whatever_can_be_read_can_be_added(flips: list[tuple[float, int]], tmp_path: Path) -> None:
    data = bytearray(small_image())
    for place, bit in flips:
        data[128 + int(place * (len(data) - 128))] ^= 1 << bit
    try:
        header = header_of_bytes(bytes(data), tmp_path)
    except (NotDicom, Unreadable):
        return
    library = Library()
    try:
        assert library.add([header])[0].outcome is ADDED
        assert len(find_studies(library.db)) == 1
    finally:
        library.db.close()


# Any sequence of changes


class Changes(RuleBasedStateMachine):
    """Files come, change, move and go, and are imported in any order, in batches of any size."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.library = Library()
        self.place = Path(str(self.folder)) / generate_uid()
        self.place.mkdir()

    def teardown(self) -> None:
        self.library.db.close()

    NAMES = st.sampled_from("abcdef")

    @rule(
        name=NAMES,
        instance=st.integers(1, 3),
        study=st.integers(1, 2),
        series=st.integers(1, 2),
        patient=st.sampled_from(["", "P1", "P2"]),
        content=st.integers(1, 2),
    )
    def write(self, name: str, instance: int, study: int, series: int, patient: str, content: int) -> None:
        save(
            make_image(
                SOPInstanceUID=f"1.{study}.{series}.{instance}",
                SeriesInstanceUID=f"1.{series}",
                StudyInstanceUID=f"1.{study}",
                PatientID=patient,
                PatientName=patient and f"Name^{patient}",
                PatientBirthDate="",
                InstanceNumber=content,
                Rows=1,
                Columns=1,
            ),
            self.place / name,
        )

    @rule(one=NAMES, other=NAMES)
    def copy(self, one: str, other: str) -> None:
        if (self.place / one).exists():
            (self.place / other).write_bytes((self.place / one).read_bytes())

    @rule(one=NAMES, other=NAMES)
    def move(self, one: str, other: str) -> None:
        if (self.place / one).exists():
            (self.place / one).replace(self.place / other)

    @rule(name=NAMES)
    def spoil(self, name: str) -> None:
        (self.place / name).write_text("no image any more")

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        (self.place / name).unlink(missing_ok=True)

    @rule(names=st.lists(NAMES, max_size=6, unique=True))
    def add(self, names: list[str]) -> None:
        readings = []
        for name in names:
            path = self.place / name
            try:
                readings.append(header_of(path))
            except FileNotFoundError:
                readings.append(Refusal(FileRef(str(path), 0, 0), Outcome.REJECTED, "There is no such file."))
            except NotDicom as error:
                readings.append(Refusal(file_ref(path), Outcome.NOT_DICOM, error.sentence))
        outcomes = self.library.add(readings)
        assert [outcome.path for outcome in outcomes] == [str(self.place / name) for name in names]
        for outcome in outcomes:
            stored = self.library.rows("SELECT outcome FROM files WHERE path = ?", os.fsencode(outcome.path))
            # A file that is gone may have made room for the next one of the batch that holds the same.
            assert stored in ([(outcome.outcome.value,)], [])

    @rule()
    def add_all(self) -> None:
        """After all files were met, each image that is there is in the library, under its own patient."""
        self.add(sorted("abcdef"))
        self.add(sorted("abcdef"))
        there = {}
        for path in self.place.iterdir():
            with contextlib.suppress(NotDicom):
                there[path.read_bytes()] = header_of(path)
        kept = self.library.rows("SELECT path FROM files JOIN instances ON file = files.id")
        assert {Path(os.fsdecode(path)).read_bytes() for (path,) in kept} == set(there)  # type: ignore[arg-type]

    @invariant()
    def nobody_is_mixed_up(self) -> None:
        for entry in find_studies(self.library.db):
            for piece in stored_metadata(self.library.db, Form.OHIF_JSON, entry.study.StudyInstanceUID):
                plain = json.loads(unpack(piece.packed))
                assert plain.get("PatientID", "") in ("", entry.patient.PatientID)
                assert plain["StudyInstanceUID"] == entry.study.StudyInstanceUID


def test_any_sequence_of_changes(tmp_path_factory: pytest.TempPathFactory) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    kind = type("Changes", (Changes,), {"folder": tmp_path_factory.mktemp("changes")})
    run_state_machine_as_test(kind, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))


# Moved files whose UIDs are not their own here


@pytest.mark.parametrize("conflict", [False, True])
def test_a_moved_file_is_known_under_the_uids_that_it_has_here(
    conflict: bool, library: Library, tmp_path: Path
) -> None:
    # The second patient's study is served under other UIDs; so is an instance that conflicts with another one.
    document = {"EncapsulatedDocument": b"\7" * 2000, "SOPInstanceUID": "1.2.3"}
    patient = {} if conflict else {"PatientID": "P2", "PatientName": "Roe^Richard", "SOPInstanceUID": "1.2.4"}
    first = image(tmp_path, "first", **document)
    second = image(tmp_path, "second", **document | patient, InstanceNumber=2)
    library.add_files(first, second)
    before = patients_of(library), library.rows("SELECT uid FROM instances ORDER BY uid")
    moved = second.rename(tmp_path / "moved")
    (outcome,) = library.add_files(moved)
    assert outcome.outcome in (UPDATED, CONFLICT)
    assert (patients_of(library), library.rows("SELECT uid FROM instances ORDER BY uid")) == before
    paths = library.rows("SELECT path FROM files JOIN instances ON file = files.id")
    assert sorted(paths) == sorted([(os.fsencode(first),), (os.fsencode(moved),)])


def test_a_file_that_was_moved_before_the_program_grew_is_found(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a")
    library.add_files(one)
    library.db.execute("UPDATE metadata SET version = 0, dicom_json = x'789c030000000001'")
    moved = one.rename(tmp_path / "b")
    assert library.add_files(moved)[0].outcome is UPDATED
    assert library.rows("SELECT path FROM files") == [(os.fsencode(moved),)]


def test_a_file_of_another_size_is_not_the_one_that_is_gone(library: Library, tmp_path: Path) -> None:
    one = image(tmp_path, "a", SOPInstanceUID="1.2.3")
    library.add_files(one)
    one.unlink()
    other = image(tmp_path, "b", SOPInstanceUID="1.2.3", SeriesDescription="Quite another one")
    assert library.add_files(other)[0].outcome is CONFLICT
    assert len(library.rows("SELECT 1 FROM instances")) == 2
