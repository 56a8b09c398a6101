"""StoreInstances: what is sent is stored as it is, each instance's outcome is told, and nothing is half-stored."""

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT_UID, make_image
from pydicom import dcmread
from pydicom.uid import generate_uid
from server.asking import Served, make_viewer, serve
from server.storing import DICOM, STUDIES, files_in, multipart, post, send_slowly, store

from desktop.app import App
from desktop.errors import InputError
from desktop.events import Event, LibraryChanged
from desktop.library import adding
from desktop.paths import find_paths
from desktop.server import stow
from desktop.server.guard import cookie_name
from desktop.services import storing
from desktop.sites import ROOT

ONE = "application/dicom; transfer-syntax=*"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A library that the tests of this module store into, each its own studies."""
    folder = tmp_path_factory.mktemp("stow")
    with serve(folder / "base", make_viewer(folder / "resources")) as started:
        # The workers start, and stay.
        store(started, image())
        yield started


@pytest.fixture(autouse=True)
def _nothing_is_left(library: Served) -> Iterator[None]:
    """See that no file is left over where files are received."""
    yield
    end = time.monotonic() + 10
    while files_in(library.app.paths.inbox) and time.monotonic() < end:
        time.sleep(0.01)
    assert files_in(library.app.paths.inbox) == []


def image(**attributes: Any) -> bytes:
    """Return a file of a study of its own."""
    study = generate_uid(ROOT_UID)
    made = make_image(**{"StudyInstanceUID": study, "SeriesInstanceUID": f"{study[:50]}.1", **attributes})
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def count(served: Served) -> int:
    """Return the number of instances in the library, and see that it has as many copies."""
    (instances,) = served.app.store.reader().execute("SELECT count(*) FROM instances").fetchone()
    assert len(files_in(served.app.paths.copies)) == instances
    return int(instances)


def test_instances_are_stored_as_they_are(library: Served) -> None:
    study = generate_uid(ROOT_UID)
    files = [image(StudyInstanceUID=study, InstanceNumber=number) for number in range(3)]
    events: list[Event] = []
    cancel = library.app.events.subscribe(events.append)
    response = store(library, *files)
    cancel()
    assert response.status == 200
    assert response.failed == []
    assert [item["00081155"] for item in response.stored] == [
        dcmread(io.BytesIO(file)).SOPInstanceUID for file in files
    ]
    assert {item["00081150"] for item in response.stored} == {"1.2.840.10008.5.1.4.1.1.2"}
    assert response.answer.json()["00081190"]["Value"] == [f"{library.origin}{STUDIES}/{study}"]
    assert [library.ask(address, ONE).one() for address in response.addresses] == files
    assert len(library.json(f"{STUDIES}/{study}/instances")) == 3
    assert any(isinstance(event, LibraryChanged) for event in events)


def test_a_single_instance_needs_no_parts(library: Served) -> None:
    data = image()
    answer = post(library, DICOM, data)
    assert answer.status == 200
    uid = dcmread(io.BytesIO(data)).StudyInstanceUID
    assert len(library.json(f"{STUDIES}/{uid}/instances")) == 1


def test_the_same_again_is_no_fault(library: Served) -> None:
    data = image()
    first = store(library, data)
    before = count(library)
    again = store(library, data, data)
    assert (again.status, again.addresses) == (200, first.addresses * 2)
    assert count(library) == before


def test_what_lies_in_place_already_is_taken_as_a_copy(library: Served, tmp_path: Path) -> None:
    data = image()
    (tmp_path / "IM1").write_bytes(data)
    library.add(tmp_path)
    response = store(library, data)
    assert response.status == 200
    assert library.ask(response.addresses[0], ONE).one() == data
    (tmp_path / "IM1").unlink()
    assert library.ask(response.addresses[0], ONE).one() == data


def test_two_files_of_one_uid_are_both_kept(library: Served) -> None:
    uid, study = generate_uid(ROOT_UID), generate_uid(ROOT_UID)
    one, other = (image(SOPInstanceUID=uid, StudyInstanceUID=study, WindowWidth=width) for width in (400, 500))
    first, second = store(library, one), store(library, other)
    assert (first.status, second.status) == (200, 202)
    (item,) = second.stored
    assert item["00081155"] == uid
    assert item["00081196"] == 0xB000
    assert item["04000561"]["04000550"]["Value"] == [{"00080018": {"vr": "UI", "Value": [uid]}}]
    assert second.addresses != first.addresses
    assert [library.ask(place, ONE).one() for place in first.addresses + second.addresses] == [one, other]
    assert "served under the UIDs that are told" in (second.answer.header("warning") or "")
    assert uid not in (second.answer.header("warning") or "")


def test_two_patients_of_one_study_uid_stay_apart(library: Served) -> None:
    study = generate_uid(ROOT_UID)
    one = image(StudyInstanceUID=study, PatientID="A", PatientName="Ames")
    other = image(StudyInstanceUID=study, PatientID="B", PatientName="Baker")
    first, second = store(library, one), store(library, other)
    assert (first.status, second.status) == (200, 202)
    served = second.addresses[0].split("/")[3]
    assert served != study
    assert library.json(f"{STUDIES}?StudyInstanceUID={served}")[0]["00100020"]["Value"] == ["B"]


def test_instances_of_another_study_are_refused(library: Served) -> None:
    study = generate_uid(ROOT_UID)
    right, wrong = image(StudyInstanceUID=study), image()
    before = count(library)
    response = store(library, right, wrong, path=f"{STUDIES}/{study}")
    assert response.status == 202
    assert [item["00081155"] for item in response.stored] == [dcmread(io.BytesIO(right)).SOPInstanceUID]
    assert [item["00081155"] for item in response.failed] == [dcmread(io.BytesIO(wrong)).SOPInstanceUID]
    assert response.reasons == [0xA900]
    assert count(library) == before + 1
    alone = store(library, wrong, path=f"{STUDIES}/{study}")
    assert (alone.status, alone.reasons) == (409, [0xA900])
    assert count(library) == before + 1


def test_what_is_no_dicom_is_told_by_itself(library: Served) -> None:
    cut = image()[:200]
    zipped = b"PK\x03\x04" + bytes(100)
    response = store(library, b"no dicom at all", image(), cut, zipped, b"")
    assert response.status == 202
    assert len(response.stored) == 1
    assert response.reasons == [0xC000] * 4
    assert store(library, b"no dicom at all").status == 409
    rows = library.app.store.reader().execute("SELECT count(*) FROM files WHERE outcome IN ('rejected', 'not_dicom')")
    assert rows.fetchone()[0] == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda body: body[: body.rindex(b"--a boundary")], 400),  # no final boundary
        (lambda body: body[:-40], 400),
        (lambda _: b"", 400),
        (lambda _: b"--a boundary--", 400),
        (lambda body: body.replace(b"\r\n", b"\n"), 400),
        (lambda body: body.replace(b"Content-Type: ", b"Content-Type"), 400),
        (lambda body: body.replace(b"\r\nContent-Type", b"\r\nX: " + b"y" * 20_000 + b"\r\nContent-Type"), 413),
        (lambda body: body.replace(b"application/dicom", b"text/plain"), 415),
        (lambda body: body.replace(b"--a boundary", b"--another"), 400),
        (lambda _: b"--a boundary\r\n\r\n\r\n" * 10_001, 413),
    ],
)
def test_malformed_bodies_leave_nothing(library: Served, change: Any, status: int) -> None:
    before = count(library)
    content_type, body = multipart([image(), image()])
    post(library, content_type, change(body)).sentence(status)
    assert count(library) == before


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/related; boundary=b", 400),
        ("multipart/related", 400),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=""', 400),
        ('multipart/related; type="application/dicom"; boundary="ü"', 400),
        ('multipart/related; type="image/jpeg"; boundary=b', 415),
        ("multipart/form-data; boundary=b", 415),
        ("application/octet-stream", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
        ("; ;", 415),
    ],
)
def test_types_that_are_not_taken(library: Served, content_type: str, status: int) -> None:
    before = count(library)
    post(library, content_type, b"--x\r\n\r\nDICM").sentence(status)
    assert count(library) == before


def test_compressed_bodies_are_refused(library: Served) -> None:
    content_type, body = multipart([image()])
    post(library, content_type, body, **{"Content-Encoding": "gzip"}).sentence(415)


def test_a_connection_that_is_lost_leaves_nothing(library: Served) -> None:
    before = count(library)
    content_type, body = multipart([image(), image()])
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    connection = send_slowly(library, headers, [body[: len(body) - 10]])
    end = time.monotonic() + 10
    connection.close()
    while files_in(library.app.paths.inbox) and time.monotonic() < end:
        time.sleep(0.01)
    assert count(library) == before


def test_a_body_may_come_in_pieces_of_any_size(library: Served) -> None:
    data = image()
    content_type, body = multipart([data])
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:1], body[1:100], body[100:101], body[101:])]
    headers = {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
    connection = send_slowly(library, headers, [*pieces, b"0\r\n\r\n"])
    assert connection.getresponse().status == 200
    connection.close()


def test_bodies_that_are_too_large_are_refused_before_they_come(library: Served) -> None:
    content_type, _ = multipart([])
    headers = {"Content-Type": content_type, "Content-Length": str(stow.BODY_LIMIT + 1)}
    connection = send_slowly(library, headers, [])
    assert connection.getresponse().status == 413
    connection.close()


def test_what_would_not_fit_on_the_disk_is_refused(library: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    before = count(library)
    free = os.statvfs(library.app.paths.data)
    content_type, body = multipart([image()])
    headers = {"Content-Type": content_type, "Content-Length": str(free.f_bavail * free.f_frsize)}
    if int(headers["Content-Length"]) <= stow.BODY_LIMIT:
        connection = send_slowly(library, headers, [])
        answer = connection.getresponse()
        assert (answer.status, b"Make room" in answer.read()) == (507, True)
        connection.close()
    # As if the disk were full already.
    monkeypatch.setattr(storing, "_RESERVE", free.f_blocks * free.f_frsize)
    assert "Make room" in post(library, content_type, body).sentence(507)
    assert count(library) == before


def test_a_browser_of_another_page_stores_nothing(library: Served) -> None:
    before = count(library)
    content_type, body = multipart([image()])
    cookie = f"{cookie_name(ROOT, 'http', library.port)}={library.token}"
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = library.ask(
            STUDIES,
            method="POST",
            token=None,
            headers={"Content-Type": content_type, "Cookie": cookie, **headers},
            body=body,
        )
        answer.sentence(403)
    library.ask(STUDIES, method="POST", token=None, headers={"Content-Type": content_type}, body=body).sentence(401)
    assert count(library) == before


def test_only_the_program_that_owns_the_library_stores(library: Served, tmp_path: Path) -> None:
    stored = store(library, image())
    with App(find_paths(library.app.paths.data.parent)) as second:
        assert not second.owns_library
        second.serve(port=0, resources=make_viewer(tmp_path / "resources"))
        other = Served(second)
        content_type, body = multipart([image()])
        assert "Another Negatoscope" in post(other, content_type, body).sentence(503)
        assert "Another Negatoscope" in other.ask(stored.addresses[0], method="DELETE").sentence(503)
        server, _ = second.require_server()
        server.close()
    assert library.ask(stored.addresses[0], ONE).status == 200


def test_an_instance_a_series_and_a_study_are_deleted(library: Served) -> None:
    study, series = generate_uid(ROOT_UID), generate_uid(ROOT_UID)
    files = [image(StudyInstanceUID=study, SeriesInstanceUID=series) for _ in range(2)]
    places = store(library, *files, image(StudyInstanceUID=study), image(StudyInstanceUID=study)).addresses
    before = count(library)
    for number, address in enumerate(
        (places[0], places[1].rpartition("/instances/")[0], f"{STUDIES}/{study}"), start=1
    ):
        answer = library.ask(address, method="DELETE")
        assert (answer.status, answer.body) == (204, b"")
        assert count(library) == before - (number if number < 3 else 4)
        library.ask(address, method="DELETE").sentence(404)
    assert all(library.ask(place, ONE).status == 404 for place in places)
    # They may come again.
    assert store(library, files[0]).status == 200


def test_files_of_the_user_are_never_touched(library: Served, tmp_path: Path) -> None:
    study = generate_uid(ROOT_UID)
    mine = tmp_path / "IM1"
    mine.write_bytes(image(StudyInstanceUID=study))
    library.add(tmp_path)
    stored = store(library, image(StudyInstanceUID=study))
    before = count_all(library)
    for address in (f"{STUDIES}/{study}", library.instance(mine), library.instance(mine).rpartition("/instances/")[0]):
        sentence = library.ask(address, method="DELETE").sentence(409)
        assert "1 file lies in folders of the user's" in sentence
        assert "negatoscope library forget" in sentence
    assert mine.is_file()
    assert count_all(library) == before
    assert library.ask(stored.addresses[0], method="DELETE").status == 204
    assert library.ask(library.instance(mine), ONE).status == 200


def count_all(served: Served) -> tuple[int, int]:
    (instances,) = served.app.store.reader().execute("SELECT count(*) FROM instances").fetchone()
    return int(instances), len(files_in(served.app.paths.copies))


def test_what_the_viewer_made_belongs_to_the_study_that_it_was_shown(library: Served) -> None:
    study = generate_uid(ROOT_UID)
    images = {}
    for name in ("A", "B"):
        response = store(library, image(StudyInstanceUID=study, PatientID=name, PatientName=name))
        images[name] = response.addresses[0].split("/")[3]
    assert images["A"] == study != images["B"]
    for name, served in images.items():
        made = image(StudyInstanceUID=served, PatientID=name, PatientName=name, StudyID="No Study ID")
        response = store(library, made, **{"X-Saved-By-Viewer": "1"})
        assert response.status == 200
        assert response.addresses[0].split("/")[3] == served
        assert library.ask(response.addresses[0], ONE).one() == made
        (entry,) = library.json(f"{STUDIES}?StudyInstanceUID={served}")
        assert entry["00100020"]["Value"] == [name]
        assert entry["00200010"]["Value"] == ["S1"]
        assert entry["00201208"]["Value"] == [2]
    # Whoever it is said to be, it is never given to another patient.
    stray = image(StudyInstanceUID=images["B"], PatientID="A", PatientName="A")
    response = store(library, stray, **{"X-Saved-By-Viewer": "1"})
    assert response.addresses[0].split("/")[3] not in images.values()


def test_what_the_viewer_made_keeps_its_letters(library: Served) -> None:
    study = generate_uid(ROOT_UID)
    name = "Иванов"
    plain = image(StudyInstanceUID=study, PatientName="x" * len(name))
    first = store(library, plain.replace(b"x" * len(name), name.encode("iso8859-5")))

    def names() -> set[str]:
        found = library.json(f"{STUDIES}/{study}/metadata")
        return {one["00100010"]["Value"][0]["Alphabetic"] for one in found}

    library.app.holdings.set_charset(study, "ISO_IR 144")
    assert names() == {name}
    made = image(StudyInstanceUID=study, PatientName=name, SpecificCharacterSet="ISO_IR 192")
    assert store(library, made, **{"X-Saved-By-Viewer": "1"}).addresses[0].split("/")[3] == study
    assert names() == {name}
    for charset, codec in (("ISO_IR 100", "latin-1"), ("ISO_IR 144", "iso8859-5")):
        library.app.holdings.set_charset(study, charset)
        shown = name.encode("iso8859-5").decode(codec)
        assert library.ask(first.addresses[0] + "/metadata").json()[0]["00100010"]["Value"][0]["Alphabetic"] == shown
        assert name in names()
        assert len(names()) == len({name, shown})


def test_what_could_not_be_noted_leaves_no_copy(library: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    instances, copies = count_all(library)
    good, bad = image(), image(InstanceNumber=77)

    def insert(adder: Any, table: str, row: dict[str, Any], _insert: Any = adding._Adder._insert) -> int:
        if table == "instances" and row["InstanceNumber"] == 77:
            raise OverflowError
        return _insert(adder, table, row)

    with monkeypatch.context() as patched:
        patched.setattr(adding._Adder, "_insert", insert)
        response = store(library, good, bad)
    assert (response.status, response.reasons) == (202, [0xC000])
    assert count_all(library) == (instances + 1, copies + 1)
    (left,) = library.app.store.reader().execute("SELECT count(*) FROM files WHERE outcome = 'rejected'").fetchone()
    assert left == 0
    # As if the disk were full when the library is written.
    with monkeypatch.context() as patched:
        patched.setattr(library.app.store, "write", _refuse_to_add(library.app.store.write))
        response = store(library, bad)
        end = time.monotonic() + 10
        while count_all(library) != (instances + 1, copies + 1):
            assert time.monotonic() < end
            time.sleep(0.01)
    assert (response.status, response.reasons) == (507, [0xA700])
    assert store(library, bad).status == 200


def _refuse_to_add(write: Any) -> Any:
    def refuse(task: Any) -> Any:
        if getattr(task, "func", None) is adding.add_readings:
            raise InputError("The disk is full.")
        return write(task)

    return refuse


def test_what_the_viewer_made_is_marked_until_it_is_gone(library: Served) -> None:
    study = generate_uid(ROOT_UID)

    def unsent() -> int:
        entry = library.app.viewing.study(study)
        assert entry is not None
        return entry.unsent

    store(library, image(StudyInstanceUID=study))
    assert unsent() == 0
    made = store(library, image(StudyInstanceUID=study), **{"X-Saved-By-Viewer": "1"})
    assert unsent() == 1
    library.app.holdings.set_charset(study, "ISO_IR 100")
    assert unsent() == 1
    library.ask(made.addresses[0], method="DELETE")
    assert unsent() == 0
    (left,) = library.app.store.reader().execute("SELECT count(*) FROM unsent").fetchone()
    assert left == len([entry for entry in library.app.viewing.studies() if entry.unsent])


def test_what_is_cut_short_is_told(library: Served) -> None:
    response = store(library, image()[:-100])
    assert response.status == 202
    assert [item["00081196"] for item in response.stored] == [0xB007]
    assert "cut short" in (response.answer.header("warning") or "")
