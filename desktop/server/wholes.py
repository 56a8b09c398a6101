"""RetrieveStudy, RetrieveSeries, RetrieveInstance: whole DICOM files, one by one or all in one (PS3.18 §10.4.1.1.1).

They come as they are stored, or in the transfer syntax that the client asks for. Nothing is left out silently: if a
file cannot be read, nothing is sent; if one goes away meanwhile, the connection ends before the answer does.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ..dicom.frames import NoFrame
from ..dicom.pixels.format import NoPixels
from ..dicom.records import Instance
from ..dicom.sniff import HEAD_LENGTH, Kind, sniff
from ..dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, is_uid
from ..errors import InputError, NegatoscopeError
from ..library.queries import Located, locate_all
from ..library.store import Store
from ..pictures.files import open_file
from ..pictures.service import Pictures
from ..pictures.stored import find_stored
from ..pictures.transcoding import Whole, can_write, read_stored, transcode
from .answers import Headers
from .archive import write_archive
from .endpoints import NO_INSTANCE, NOT_THERE, Answer, FileAnswer, Request, Stream, refuse
from .multipart import (
    PART_END,
    Accepted,
    make_boundary,
    multipart_end,
    multipart_type,
    part_head,
    read_accept,
)
from .quick import LIMIT, open_now, read_now
from .resources import Resource

DICOM = "application/dicom"
ZIP = "application/zip"

ANY = "*"
"""As a transfer syntax: as each file is stored."""

_WHOLE = 1 << 23
"""Bytes of files that are answered at once."""

Container = Literal["single", "multipart", "zip"]


@dataclass(frozen=True, slots=True)
class Form:
    """How files are sent.

    Attributes:
        container: one file by itself, or parts, or an archive.
        syntax: the transfer syntax of all; :data:`ANY`; or empty if the client names none.
    """

    container: Container
    syntax: str


def find_forms(accepted: Sequence[Accepted], count: int) -> list[Form]:
    """Return the forms that a client accepts for so many files, best first.

    Whoever takes anything gets files as they are stored. Whoever asks for DICOM files without naming a transfer syntax
    is taken at the standard's word (PS3.18 §8.7.3.3): he may know no other one than Explicit VR Little Endian.
    """
    forms = []
    for item in accepted:
        container: Container
        if item.media_type == "*/*":
            forms.append(Form("multipart", item.transfer_syntax or ANY))
            continue
        if item.media_type in ("multipart/related", "multipart/*"):
            if item.part_type not in ("", "*/*", "application/*", DICOM):
                continue
            container = "multipart"
        elif item.media_type == ZIP:
            container = "zip"
        elif item.media_type in (DICOM, "application/*") and count == 1:
            container = "single"
        else:
            continue
        forms.append(Form(container, item.transfer_syntax))
    return forms


class Wholes(Resource):
    """``…/studies/{study}``, ``…/series/{series}``, ``…/instances/{instance}``: DICOM files."""

    def __init__(self, store: Store, threads: Executor, pictures: Pictures) -> None:
        super().__init__(store, threads)
        self._pictures = pictures

    def _answer_now(self, request: Request) -> Answer | FileAnswer | None:
        located = self._quick.find(request.place) if "instance" in request.parameters else None
        if located is None or located.file.size > LIMIT:
            return None
        forms = find_forms(read_accept(request.accept), 1)
        if not forms or forms[0].container == "zip" or not _is_stored(located, forms[0].syntax):
            return None
        content_type = dicom_type(located.pixels.TransferSyntaxUID)
        if forms[0].container == "single" and self._quick.is_copy(located):
            part = open_now(located.file)
            return None if part is None else FileAnswer(content_type.encode(), part)
        said, head, end = content_type.encode(), b"", b""
        if forms[0].container == "multipart":
            boundary = make_boundary()
            said, end = multipart_type(DICOM, boundary), PART_END + multipart_end(boundary)
            head = part_head(boundary, content_type, located.file.size)
        body = read_now(located.file, 0, located.file.size, head, end)
        if body is None or sniff(bytes(body[len(head) : len(head) + HEAD_LENGTH])).kind is not Kind.PART10:
            return None
        return Answer(200, said, body)

    def _answer(self, request: Request) -> Answer | Stream:
        found = self._find(request)
        if not found:
            return NO_INSTANCE if "instance" in request.parameters else NO_STUDY
        forms = find_forms(read_accept(request.accept), len(found))
        form = next((form for form in forms if all(_can_have(located, form) for located in found)), None)
        if form is None:
            return _refuse_forms(forms, found)
        if len(found) > 1 and (absent := sum(not _is_readable(located) for located in found)):
            return refuse(
                409,
                f"Of these {len(found):,} files, {absent:,} cannot be read now: a disc or stick was taken out, or they "
                "have changed. Nothing is sent, for they would be missing. Put it in, or open its folder again.",
            )
        return self._send(found, form)

    def _find(self, request: Request) -> list[Located]:
        study, series, instance = (request.parameters.get(name) for name in ("study", "series", "instance"))
        db = self._store.reader()
        if instance is None:
            return locate_all(db, str(study), series)
        located = self._locate(request)
        return [] if located is None else [located]

    def _send(self, found: Sequence[Located], form: Form) -> Answer | Stream:
        if form.container == "zip":
            files = ((_name_in_archive(located), partial(self._make, located, form.syntax)) for located in found)
            return Stream(200, ZIP.encode(), write_archive(files), None, _ATTACHED)
        if form.container == "single":
            return self.answer_file(found[0], form.syntax)
        boundary = make_boundary()
        content_type = multipart_type(DICOM, boundary)
        if all(_is_stored(located, form.syntax) for located in found):
            wholes = [read_stored(located) for located in found]
            length = len(multipart_end(boundary)) + sum(
                len(_head_of_part(boundary, whole, located, len(found))) + whole.length + len(PART_END)
                for whole, located in zip(wholes, found, strict=True)
            )
            pieces = _write_parts(wholes, found, boundary)
            if length <= _WHOLE:
                return Answer(200, content_type, b"".join(pieces))
            return Stream(200, content_type, pieces, length)
        made = (self._make(located, form.syntax) for located in found)
        return Stream(200, content_type, _write_parts(made, found, boundary), None)

    def answer_file(self, located: Located, syntax: str) -> Answer | Stream:
        """Return one file by itself, in a transfer syntax as of :class:`Form`.

        Raises:
            FileGone, NegatoscopeError, OSError: it cannot be read.
        """
        if not _can_have(located, Form("single", syntax)):
            return _refuse_forms([Form("single", syntax)], [located])
        try:
            whole = self._make(located, syntax)
        except (NoFrame, NoPixels) as error:
            return refuse(406, str(error))
        content_type = dicom_type(whole.TransferSyntaxUID).encode()
        if whole.length <= _WHOLE and whole.TransferSyntaxUID == located.pixels.TransferSyntaxUID:
            return Answer(200, content_type, b"".join(whole.pieces))
        return Stream(200, content_type, whole.pieces, whole.length)

    def _make(self, located: Located, syntax: str) -> Whole:
        """Open a file in a transfer syntax.

        Raises:
            NoPixels: it cannot be had in it.
            FileGone, NegatoscopeError, OSError: it cannot be read.
        """
        target = syntax or EXPLICIT_VR_LITTLE_ENDIAN
        if _is_stored(located, syntax) or not can_write(located.pixels, target):
            return read_stored(located)
        instance = located.instance
        place = (instance.StudyInstanceUID, instance.SeriesInstanceUID, instance.SOPInstanceUID)
        stored = find_stored(self._store.reader(), place)
        if stored is None:
            raise NegatoscopeError("It has been removed from the library.")
        try:
            whole = transcode(stored, target, self._pictures.decode_plain)
            # The first frame tells whether it can be decoded.
            head = [next(whole.pieces), next(whole.pieces, b"")]
        except _NOT_DECODED:
            if syntax:
                raise
            # Better compressed than not at all: its part says how it is.
            return read_stored(located)
        return Whole(target, whole.length, _resume(head, whole.pieces))


NO_STUDY = refuse(404, "There is no such study or series in this library.")
_NOT_DECODED = (NoFrame, InputError)
_ATTACHED: Headers = ((b"content-disposition", b'attachment; filename="dicom.zip"'),)


def _is_stored(located: Located, syntax: str) -> bool:
    """Whether a file is sent as it is stored."""
    return (syntax or EXPLICIT_VR_LITTLE_ENDIAN) in (ANY, located.pixels.TransferSyntaxUID)


def _can_have(located: Located, form: Form) -> bool:
    return form.syntax in (ANY, "") or can_write(located.pixels, form.syntax)


def _refuse_forms(forms: Sequence[Form], found: Sequence[Located]) -> Answer:
    if not forms:
        return refuse(406, "DICOM files are sent as application/dicom, in multipart/related or as application/zip.")
    unable = min(sum(not _can_have(located, form) for located in found) for form in forms)
    which = "This file" if len(found) == 1 else f"Of these {len(found):,} files, {unable:,}"
    return refuse(406, f"{which} cannot be had in that transfer syntax. Ask for transfer-syntax=*.")


def _is_readable(located: Located) -> bool:
    try:
        open_file(located.file).close()
    except NOT_THERE:
        return False
    return True


def _write_parts(wholes: Iterable[Whole], found: Sequence[Located], boundary: str) -> Iterator[bytes]:
    for whole, located in zip(wholes, found, strict=True):
        yield _head_of_part(boundary, whole, located, len(found))
        yield from whole.pieces
        yield PART_END
    yield multipart_end(boundary)


def _head_of_part(boundary: str, whole: Whole, located: Located, count: int) -> bytes:
    location = instance_path(located.instance) if count > 1 else ""
    return part_head(boundary, dicom_type(whole.TransferSyntaxUID), whole.length, location)


def _resume(begun: Sequence[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from begun
    yield from rest


def _name_in_archive(located: Located) -> str:
    """Names tell nothing of the patient, and are unique."""
    return f"{located.instance.SeriesInstanceUID}/{located.instance.SOPInstanceUID}.dcm"


def instance_path(instance: Instance) -> str:
    """Return the address of an instance."""
    return (
        f"/dicom-web/studies/{instance.StudyInstanceUID}/series/{instance.SeriesInstanceUID}"
        f"/instances/{instance.SOPInstanceUID}"
    )


def dicom_type(syntax: str) -> str:
    """Return the media type of a file in a transfer syntax."""
    # A file may say anything there, but not in our headers.
    return f"{DICOM}; transfer-syntax={syntax}" if is_uid(syntax) else DICOM
