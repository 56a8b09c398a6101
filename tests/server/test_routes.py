"""Every route: what it answers to what exists, to what does not, and to nonsense."""

import re
import time
from collections.abc import Iterator

import pytest
from objects import Objects, make_objects
from server.asking import SECONDS, Answer, Served, make_viewer, serve

from desktop.server.openapi import describe
from desktop.server.routes import ROUTES

# For each route: what follows it, and the status and type of a good answer.
GOOD = {
    "/healthz": ("", 200, "text/plain; charset=utf-8"),
    "/login": ("?key={key}", 303, "text/plain; charset=utf-8"),
    "/app-config.js": ("", 200, "text/javascript; charset=utf-8"),
    "/openapi.json": ("", 200, "application/json"),
    "/ohif.js": ("", 200, "text/javascript; charset=utf-8"),
    "/extension/{file}": ("", 200, "text/javascript; charset=utf-8"),
    "/studies/{study}/ohif-dicom-json": ("", 200, "application/json"),
    "/studies/{study}/priors": ("", 200, "application/json"),
    "/instances/{instance}/metadata": ("", 200, "application/json"),
    "/display-sets": ("?study={study}", 200, "application/json"),
    "/documents/studies/{study}/series/{series}/instances/{instance}": ("", 200, "text/html; charset=utf-8"),
    "/surfaces/studies/{study}/series/{series}/instances/{instance}": ("", 200, "application/octet-stream"),
    "/thumbnails/studies/{study}/series/{series}/instances/{instance}/frames/{frame}": ("", 200, "image/jpeg"),
    "/presented/{stamp}/studies/{study}/series/{series}/instances/{instance}/frames/{frame}": (
        "",
        200,
        "multipart/related",
    ),
    "/images/studies/{study}/series/{series}/instances/{instance}/frames/{frames}": ("", 200, "multipart/related"),
    "/films/studies/{study}/series/{series}/instances/{instance}": ("", 200, "application/json"),
    "/films/studies/{study}/series/{series}/instances/{instance}/video": ("", 200, "video/webm"),
    "/dicom-web/patients": ("", 200, "application/dicom+json"),
    "/dicom-web/studies": ("", 200, "application/dicom+json"),
    "/dicom-web/series": ("", 200, "application/dicom+json"),
    "/dicom-web/instances": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/series": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/instances": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/series/{series}/instances": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/metadata": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/series/{series}/metadata": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/metadata": ("", 200, "application/dicom+json"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}": ("", 200, "multipart/related"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulkdata/{place}": ("", 200, "multipart/related"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/rendered": ("", 200, "application/pdf"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered": ("", 200, "image/jpeg"),
    "/dicom-web/studies/{study}/series/{series}/rendered": ("", 200, "application/pdf"),
    "/dicom-web/studies/{study}/rendered": ("", 200, "multipart/related"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/thumbnail": ("", 200, "image/jpeg"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/thumbnail": (
        "",
        200,
        "image/jpeg",
    ),
    "/dicom-web/studies/{study}/series/{series}/thumbnail": ("", 200, "image/jpeg"),
    "/dicom-web/studies/{study}/thumbnail": ("", 200, "image/jpeg"),
    "/dicom-web/studies/{study}/series/{series}/instances/{instance}": ("", 200, "multipart/related"),
    "/dicom-web/studies/{study}/series/{series}": ("", 200, "multipart/related"),
    "/dicom-web/studies/{study}": ("", 200, "multipart/related"),
    "/wado": (
        "?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}",
        200,
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
    ),
}
GOT = [route for route, methods in ROUTES.items() if "GET" in methods]
WITH_UIDS = [route for route in GOT if "{study}" in route or "{instance}" in route]
# Those that tell by OPTIONS which methods they take.
CAPABLE = ROUTES.keys() - {"/healthz", "/login", "/app-config.js", "/ohif.js", "/extension/{file}"}
PLACES = [(route, place) for route in WITH_UIDS for place in re.findall(r"{(study|series|instance)}", route)]
NO_UIDS = (
    "'",
    '"',
    "%27",
    "%27%20OR%20%271%27%3D%271",
    "1.2%27%3BDROP%20TABLE%20studies--",
    "..",
    ".",
    "%2e%2e",
    "%2e",
    "...",
    ".1.2",
    "*",
    "%2A",
    "1.2.*",
    "1.2.%3F",
    "[0-9]",
    "%25",
    "1_2",
    "1.2%00",
    "1.2%0d%0aSet-Cookie:%20a=b",
    "1.2%20",
    "%EF%BC%91.2",  # a digit, but not one of ASCII
    "%F0%9F%98%80",
    "%FF%FE",
    "-1",
    "1e5",
    "0x10",
    "null",
    "A" * 300,
    "1" * 300,
    "1." * 5000,
)
# Those in which an address has other parts than it seems to.
SLASHES = ("%2F", "..%2F..%2F..%2Fetc%2Fpasswd", "1.2%2F..", "/", "//", "../..", "..%5C..%5C", "1.2/../1.2", "")


# Which object of tests/objects.py has what a route gives; of others it is the ECG.
WHAT = {
    "/surfaces": "surface",
    "/presented": "state",
    "/films": "film",
    "/thumbnails": "ct",
    "/thumbnail": "ct",
    "frames/{frames}": "ct",
    "/rendered": "pdf",
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """One object of each kind."""
    return make_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, objects: Objects) -> Iterator[Served]:
    """Those objects, served."""
    folder = tmp_path_factory.mktemp("routes")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        started.add(objects.folder)
        film = "/films/studies/{}/series/{}/instances/{}".format(*started.place(objects.files["film"]))
        end = time.monotonic() + SECONDS
        while not started.json(film)["ready"] and time.monotonic() < end:
            time.sleep(0.1)
        yield started


@pytest.fixture
def uids(gallery: Served, objects: Objects) -> dict[str, str]:
    study, series, instance = gallery.place(objects.files["ecg"])
    return {
        "study": study,
        "series": series,
        "instance": instance,
        "file": "negatoscope.js",
        "frames": "1",
        "frame": "1",
        "stamp": stamp_of(gallery, gallery.place(objects.files["state"])),
        "place": "54000100/0/54001010",
        **{name: "/".join(gallery.place(objects.files[name])) for name in WHAT.values()},
    }


def stamp_of(gallery: Served, place: tuple[str, str, str]) -> str:
    """Return the stamp of the frames that a presentation state shows."""
    plans = gallery.json(f"/display-sets?study={place[0]}")
    (stamp,) = (plan["presented"]["stamp"] for plan in plans if plan["instances"] == [place[2]])
    return str(stamp)


def test_frames_of_a_state_whose_study_has_changed_are_refused(gallery: Served, uids: dict[str, str]) -> None:
    route = next(route for route in ROUTES if route.startswith("/presented"))
    answer = gallery.ask(fill(route.replace("{stamp}", "0" * 16), uids))
    assert answer.sentence(404) == "The study has changed since it was opened. Open it again."


def fill(route: str, uids: dict[str, str]) -> str:
    """Put the UIDs of an object that has what is asked for into a route."""
    what = next((name for part, name in WHAT.items() if part in route), "")
    if what:
        study, series, instance = uids[what].split("/")
        uids = {**uids, "study": study, "series": series, "instance": instance}
    for name, value in uids.items():
        route = route.replace(f"{{{name}}}", value)
    return route


def test_each_route_is_in_this_table() -> None:
    assert set(GOOD) == set(GOT)
    assert set().union(*ROUTES.values()) == {"GET", "POST", "DELETE"}


@pytest.mark.parametrize("route", GOT)
def test_what_is_there_is_given(gallery: Served, uids: dict[str, str], route: str) -> None:
    tail, status, content_type = GOOD[route]
    answers = {}
    for method in ("GET", "HEAD"):
        if route == "/login" and method == "HEAD":
            continue
        address = fill(route, uids) + fill(tail, {**uids, "key": gallery.make_key()})
        answers[method] = answer = gallery.ask(address, method=method)
        assert answer.status == status
        assert (answer.header("content-type") or "").startswith(content_type)
        # What is made while it is sent has no length that one would know.
        made_meanwhile = route == "/dicom-web/studies/{study}/rendered"
        assert answer.header("transfer-encoding") == ("chunked" if made_meanwhile and method == "GET" else None)
        if method == "GET" and not made_meanwhile:
            assert answer.header("content-length") == str(len(answer.body))
    if "HEAD" in answers:
        assert answers["HEAD"].body == b""
        assert answers["HEAD"].header("content-length") == answers["GET"].header("content-length")
        hide = re.compile(r"boundary=[0-9a-f]+")
        one, other = (
            sorted(
                (name, hide.sub("", value))
                for name, value in answers[method].headers
                if name.lower() != "transfer-encoding"
            )
            for method in ("GET", "HEAD")
        )
        assert one == other


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE"])
def test_other_methods_are_refused(gallery: Served, uids: dict[str, str], method: str) -> None:
    before = gallery.places()
    for route in (*ROUTES, "/", "/nothing", "/dicom-web/nothing", "/dicom-web"):
        if method not in ROUTES.get(route, ("GET",)):
            assert_refused(gallery, uids, route, method)
    assert gallery.places() == before


def assert_refused(gallery: Served, uids: dict[str, str], route: str, method: str) -> None:
    methods = ROUTES.get(route, ("GET",))
    answer = gallery.ask(fill(route, uids), method=method)
    if method == "OPTIONS" and route in CAPABLE:
        assert (answer.status, answer.body) == (204, b"")
    elif method == "OPTIONS" and route.startswith("/dicom-web"):
        assert answer.json() == describe()
        return
    else:
        answer.sentence(405)
    said = ", ".join("GET, HEAD" if known == "GET" else known for known in methods)
    if route.startswith("/dicom-web") and route not in ROUTES:
        said += ", OPTIONS"
    assert answer.header("allow") == ("GET" if route == "/login" else said), route


@pytest.mark.parametrize("route", [route for route, methods in ROUTES.items() if {"POST", "DELETE"} & set(methods)])
@pytest.mark.parametrize("uid", ["1.2.3.4.5", "0", "..%2F..", "1.2%27%3B--", "*", "1" * 65])
def test_nothing_is_changed_by_other_uids(gallery: Served, uids: dict[str, str], route: str, uid: str) -> None:
    before = gallery.places()
    for place in re.findall(r"{(study|series|instance)}", route):
        path = fill(route.replace(f"{{{place}}}", uid), uids)
        if "DELETE" in ROUTES[route]:
            assert gallery.ask(path, method="DELETE").status in (404, 405)
        if "POST" in ROUTES[route]:
            assert gallery.ask(path, method="POST").status in (404, 405, 415)
    assert gallery.places() == before


@pytest.mark.parametrize(("route", "place"), PLACES)
def test_an_unknown_uid_gives_404(gallery: Served, uids: dict[str, str], route: str, place: str) -> None:
    for uid in ("1.2.3.4.5", "0", "9" * 64, uids["study"] + "1" if place == "study" else "1.1"):
        path = fill(route.replace(f"{{{place}}}", uid[:64]), uids)
        gallery.ask(path).sentence(404)


@pytest.mark.parametrize(("route", "place"), PLACES)
def test_what_is_no_uid_gives_404(gallery: Served, uids: dict[str, str], route: str, place: str) -> None:
    for text in NO_UIDS:
        gallery.ask(fill(route.replace(f"{{{place}}}", text), uids)).sentence(404)


@pytest.mark.parametrize(("route", "place"), PLACES)
def test_slashes_lead_nowhere(gallery: Served, uids: dict[str, str], route: str, place: str) -> None:
    for text in SLASHES:
        answer = gallery.ask(fill(route.replace(f"{{{place}}}", text), uids))
        if route.startswith("/dicom-web"):
            answer.sentence(404)
        else:
            assert is_page(answer) or answer.sentence(404)


def is_page(answer: Answer) -> bool:
    return answer.status == 200 and answer.text == "<!DOCTYPE html><title>The viewer</title>"


def test_display_sets_are_asked_for_by_a_uid(gallery: Served) -> None:
    for text in NO_UIDS:
        gallery.ask(f"/display-sets?study={text}").sentence(400)


@pytest.mark.parametrize("query", ["", "?", "?study", "?study=", "?series=1.2", "?=1.2", "?study=1.2&study=1.3"])
def test_display_sets_need_a_study(gallery: Served, query: str) -> None:
    gallery.ask(f"/display-sets{query}").sentence(400)


def test_display_sets_of_an_unknown_study(gallery: Served) -> None:
    gallery.ask("/display-sets?study=1.2.3.4.5").sentence(404)


@pytest.mark.parametrize(
    "path",
    [
        "/dicom-web",
        "/dicom-web/",
        "/dicom-web/studies/",
        "/dicom-web/studies/{study}/",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames",
        "/dicom-web/frames",
        "/dicom-web/index.html",
        "/dicom-web/%2e%2e/index.html",
    ],
)
def test_dicomweb_that_is_not_there_is_no_page(gallery: Served, uids: dict[str, str], path: str) -> None:
    gallery.ask(fill(path, uids)).sentence(404)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "x",
        "00280010",  # shorter than what is referred to, but there
        "7FE00010",
        "54000100",
        "54000100/0",
        "54000100/9/54001010",
        "54000100/0/54009999",
        "54000100/-1/54001010",
        "..",
        "../../metadata",
        "..%2f..%2fmetadata",
        "%00",
        "54000100/0/" * 40 + "54001010",
        "5" * 300,
    ],
    ids=lambda place: place[:30],
)
def test_places_where_no_value_is(gallery: Served, objects: Objects, place: str) -> None:
    address = gallery.instance(objects.files["ecg"])
    answer = gallery.ask(f"{address}/bulkdata/{place}", "application/octet-stream")
    assert answer.status in (200, 404)
    if answer.status == 200:
        # What is there may be asked for, whatever its length; here it is another element of the same file.
        assert answer.body in objects.files["ecg"].read_bytes()
        assert place in ("00280010", "54000100")
    else:
        answer.sentence(404)


def test_addresses_end_where_they_end(gallery: Served, uids: dict[str, str]) -> None:
    for route in set(GOT) - {"/healthz", "/login"}:
        for tail in ("/", "/x", "%00", "%20", ";a=b"):
            answer = gallery.ask(fill(route, uids) + tail)
            if route.startswith("/dicom-web"):
                assert answer.status in (400, 404)
            else:
                assert is_page(answer) or answer.sentence(400 if "{frame" in route and tail != "/x" else 404)
