"""QIDO-RS: searches for patients, studies, series and instances (PS3.18 §10.6)."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from ..dicom.levels import Level
from ..dicom.naturalize import Model
from ..library.finding import TooSlow, find_patients, first_pieces, sop_classes, time_limit
from ..library.matching import Criterion
from ..library.queries import find_instances, find_series, find_studies, get_study
from ..library.store import Store
from .answers import DICOM_JSON, JSON, NO_STORE, Headers, send_body, send_text
from .found import (
    Wanted,
    instance_json,
    make_elements,
    patient_json,
    series_json,
    study_json,
    write_elements,
)
from .guard import base_of, root_of
from .multipart import read_accept
from .rewriting import place_below
from .searches import BadSearch, Search, read_search

MAX_RESULTS = 10_000
"""The most that one answer holds."""

_MAX_BYTES = 1 << 26
_SECONDS = 20.0
_SOP_CLASSES = "00080062"
_MODALITY = "00080060"


@dataclass(frozen=True, slots=True)
class _Page:
    criteria: tuple[Criterion, ...]
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Found:
    """One page of what was found.

    Attributes:
        is_cut: there is more.
    """

    body: bytes
    number: int
    is_cut: bool


class SearchFor:
    """ASGI: one search route.

    Args:
        level: of what is searched for.
    """

    def __init__(self, store: Store, threads: Executor, level: Level) -> None:
        self._store = store
        self._threads = threads
        self._level = level

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one search: 200 with a list, which may be empty.

        For an empty one the standard had 204, which its change proposal 2473 takes back; clients read both.
        """
        try:
            search = read_search(scope["query_string"].decode("latin-1"))
        except BadSearch as error:
            await send_text(send, 400, str(error))
            return
        accept = ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")
        content_type = choose_type(search.accept or accept)
        if content_type is None:
            await send_text(send, 406, "What is found is sent as application/dicom+json or application/json.")
            return
        origin = root_of(scope)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self._find, scope["path_params"], search, origin)
        except TooSlow as error:
            await send_text(send, 503, error.sentence)
            return
        if found is None:
            await send_text(send, 404, "There is no such study or series in this library.")
            return
        body = place_below(found.body, base_of(scope))
        await send_body(send, 200, content_type, body, (NO_STORE, *_warn(search, found)))

    def _find(self, parameters: dict[str, str], search: Search, origin: str) -> _Found | None:
        db = self._store.reader()
        study, series = parameters.get("study"), parameters.get("series")
        with time_limit(db, _SECONDS) as check:
            if study is not None and get_study(db, study) is None:
                return None
            if series is not None and not find_series(db, study, (Criterion("SeriesInstanceUID", (series,)),)):
                return None
            limit = MAX_RESULTS if search.limit is None else min(search.limit, MAX_RESULTS)
            # One more than is sent says whether there is more.
            page = _Page(search.criteria, limit + 1, search.offset)
            return _write_page(_Finder(db, search, self._level, origin, study, series).find(page), limit, check)


def _write_page(found: Iterable[Model], limit: int, check: Callable[[], None]) -> _Found:
    parts: list[bytes] = []
    size = 0
    for elements in found:
        check()
        # Data sets may be large. The first is sent in any case.
        if len(parts) == limit or size > _MAX_BYTES:
            return _Found(b"[%s]" % b",".join(parts), len(parts), is_cut=True)
        parts.append(write_elements(elements))
        size += len(parts[-1])
    return _Found(b"[%s]" % b",".join(parts), len(parts), is_cut=False)


class _Finder:
    """Finds one page, with all that is wanted of each."""

    def __init__(
        self,
        db: sqlite3.Connection,
        search: Search,
        level: Level,
        origin: str,
        study: str | None,
        series: str | None,
    ) -> None:
        self._db = db
        self._wanted = Wanted(search, level)
        self._level = level
        self._origin = origin
        self._study = study
        self._series = series
        self._studies_met: dict[str, Model] = {}
        self._series_met: dict[tuple[str, str], Model] = {}

    def find(self, page: _Page) -> Iterator[Model]:
        """Go through a page."""
        by_level = (self._patients, self._studies, self._series_of, self._instances)
        for elements, key in by_level[self._level](page):
            self._wanted.add_stored(elements, first_pieces(self._db, self._level, key))
            yield elements

    def _patients(self, page: _Page) -> Iterator[tuple[Model, int]]:
        for entry in find_patients(self._db, page.criteria, limit=page.limit, offset=page.offset):
            yield patient_json(entry), entry.number

    def _studies(self, page: _Page) -> Iterator[tuple[Model, str]]:
        for entry in find_studies(self._db, page.criteria, limit=page.limit, offset=page.offset):
            uid = entry.study.StudyInstanceUID
            elements = study_json(entry, self._origin)
            if self._wanted.wants(_SOP_CLASSES):
                elements |= make_elements({"SOPClassesInStudy": sop_classes(self._db, uid)})
            yield elements, uid

    def _series_of(self, page: _Page) -> Iterator[tuple[Model, str]]:
        for entry in find_series(self._db, self._study, page.criteria, limit=page.limit, offset=page.offset):
            elements = series_json(entry, self._origin)
            self._add_study(elements, entry.study_uid)
            yield elements, entry.series.SeriesInstanceUID

    def _instances(self, page: _Page) -> Iterator[tuple[Model, str]]:
        within = self._study, self._series
        for entry in find_instances(self._db, *within, page.criteria, limit=page.limit, offset=page.offset):
            item = entry.instance
            elements = instance_json(entry, self._origin)
            self._add_series(elements, item.StudyInstanceUID, item.SeriesInstanceUID)
            self._add_study(elements, item.StudyInstanceUID)
            if _MODALITY in elements and item.Modality:
                # A series may hold others than the first, which gave it its own.
                elements[_MODALITY] = {"vr": "CS", "Value": [item.Modality]}
            yield elements, item.SOPInstanceUID

    def _add_study(self, elements: Model, uid: str) -> None:
        """Where the path names no study, each is told with its study's attributes (PS3.18 §10.6.3.3.2, .3)."""
        whole = self._study is None
        if not (whole or self._wanted.wants_level(Level.PATIENT) or self._wanted.wants_level(Level.STUDY)):
            return
        if uid not in self._studies_met:
            entry = get_study(self._db, uid)
            self._studies_met[uid] = {} if entry is None else study_json(entry, self._origin)
        self._wanted.add_above(elements, self._studies_met[uid], whole=whole)

    def _add_series(self, elements: Model, study: str, uid: str) -> None:
        whole = self._series is None
        if not (whole or self._wanted.wants_level(Level.SERIES)):
            return
        if (study, uid) not in self._series_met:
            (entry,) = find_series(self._db, study, (Criterion("SeriesInstanceUID", (uid,)),))
            self._series_met[study, uid] = series_json(entry, self._origin)
        self._wanted.add_above(elements, self._series_met[study, uid], whole=whole)


def choose_type(accept: str) -> bytes | None:
    """Return the media type to answer with, given an Accept header; None if there is none that the client takes."""
    for item in read_accept(accept):
        if item.media_type in ("application/dicom+json", "application/*", "*/*"):
            return DICOM_JSON
        if item.media_type == "application/json":
            return JSON
    return None


def _warn(search: Search, found: _Found) -> Headers:
    warnings = []
    if search.unknown:
        # Names of attributes come from the request: only what a header may hold.
        names = ", ".join(re.sub(r"[^0-9A-Za-z._-]", "?", name) for name in search.unknown)
        warnings.append(f"not matched by: {names[:_NAMED]}")
    if found.is_cut:
        following = search.offset + found.number
        rest = f"ask for the rest with offset={following}" if found.number else "ask for them with a limit above 0"
        warnings.append(f"there is more than these {found.number}: {rest}")
    # The text of a warning has no other form (RFC 7234 section 5.5).
    text = ", ".join(f'299 negatoscope "{warning}"' for warning in warnings)
    return ((b"warning", text.encode()),) if warnings else ()


_NAMED = 500
