"""One file in one pass: opened once, read up to its pixels, never further.

The outcome is a :class:`~desktop.dicom.records.Header`, or a sentence that says why there is none.
"""

import hashlib
import os
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from ..errors import NotDicom, Unreachable, Unreadable
from . import uids
from .elements import Cut, Malformed
from .encoding import SPECIFIC_CHARACTER_SET, encode_dataset
from .extract import make_instance, make_patient, make_pixels, make_series, make_study, value_text
from .files import open_regular
from .metadata import Fragments, bulk_data_place, join_dicom, join_plain, make_fragment, pack
from .naturalize import Model
from .notes import find_notes
from .parsing import AGAIN, Parsed, parse
from .records import FileRef, Header
from .text import UNKNOWN, find_encodings, is_doubtful, parse_charset

_META_SOP_CLASS, _META_SOP_INSTANCE = 0x00020002, 0x00020003
_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_DIRECTORY_RECORDS, _FILE_SET_ID = 0x00041220, 0x00041130
# Patient's Name and ID, Study and Series Description, Referring Physician's Name, Study ID, Accession Number.
LISTED = (0x00100010, 0x00100020, 0x00081030, 0x0008103E, 0x00080090, 0x00200010, 0x00080050)
"""Elements whose letters are looked at: lists show them."""


class Made(NamedTuple):
    """The header of a file, and what it was made of.

    Attributes:
        fragments: its elements.
        named: it has valid UIDs of its own.
    """

    header: Header
    fragments: Fragments
    named: bool


class OwnUids(NamedTuple):
    """The UIDs that stand in a file; empty where none stands."""

    study: str = ""
    series: str = ""
    instance: str = ""
    sop_class: str = ""


def find_own_uids(path: str | os.PathLike[str]) -> OwnUids:
    """Return the UIDs that stand in a file, as far as it can be read at all."""
    try:
        with open_regular(os.fspath(path)) as file:
            parsed = parse(file, os.fstat(file.fileno()).st_size)
    except (NotDicom, Unreadable, OSError):
        return OwnUids()
    return OwnUids(*(value_text(parsed.value(tag)) for tag in (_STUDY, _SERIES, _SOP_INSTANCE, _SOP_CLASS)))


def read_header(ref: FileRef, charset: str | None = None) -> Header:
    """Read the header of one file.

    Args:
        ref: the file.
        charset: as of :func:`make_header`.

    Raises:
        NotDicom: the file is something else, or a DICOMDIR; the sentence says what.
        Unreadable: the file cannot be opened, or is damaged, or belongs to no study.
    """
    try:
        with open_regular(ref.path) as file:
            return make_header(ref, parse(file, os.fstat(file.fileno()).st_size), charset)
    except OSError as error:
        raise Unreachable(f"It cannot be read: {error.strerror or error}.") from error


def find_study_uid(parsed: Parsed) -> str:
    """Return the Study Instance UID as it stands in the file."""
    return value_text(parsed.value(_STUDY))


def make_header(ref: FileRef, parsed: Parsed, charset: str | None = None) -> Header:
    """Make the header of a file whose elements were read; as :func:`make`, but without them."""
    return make(ref, parsed, charset).header


def make(ref: FileRef, parsed: Parsed, charset: str | None = None) -> Made:
    """Make the header of a file whose elements were read.

    Args:
        ref: the file.
        parsed: its elements.
        charset: Specific Character Set by which all text is decoded, whatever the file says. The element itself stays.

    Raises:
        NotDicom, Unreadable: as :func:`read_header`.
        ValueError: there is no such character set.
    """
    encodings = parse_charset(charset) if charset else None
    if not parsed.elements:
        raise Unreadable("It holds no data elements.")
    identity, notes = _identify(parsed)
    place = bulk_data_place(identity[_STUDY], identity[_SERIES], identity[_SOP_INSTANCE])
    try:
        fragments: Fragments = encode_dataset(
            parsed.walker, parsed.elements, lambda tag: place + tag, ref.size, encodings
        )
    except (Malformed, Cut) as error:
        raise Unreadable(f"Its header is damaged: a sequence is cut short. {AGAIN}") from error
    for tag, uid in identity.items():
        if uid and (tag not in fragments or fragments[tag].element.get("Value") != [uid]):
            fragments[tag] = make_fragment(tag, {"vr": "UI", "Value": [uid]})
    model: Model = {f"{tag:08X}": fragment.element for tag, fragment in fragments.items()}
    header = compose(
        ref,
        parsed,
        model,
        join_dicom(fragments),
        join_plain(fragments),
        _has_doubtful_text(parsed, fragments, encodings),
    )
    return Made(replace(header, notes=(*notes, *header.notes)) if notes else header, fragments, named=not notes)


def compose(ref: FileRef, parsed: Parsed, model: Model, dicom: str, plain: str, doubtful: bool) -> Header:
    """Put a header together.

    Args:
        ref: the file.
        parsed: of which only the pixels, and the elements behind them, are looked at.
        model: all elements.
        dicom: the same as text in the JSON Model.
        plain: the same in OHIF's form.
        doubtful: letters of it may be wrong.
    """
    pixels = make_pixels(model, parsed)
    instance = make_instance(model, pixels)
    found = find_notes(parsed, instance, pixels)
    held = min([pixels.frames, *(note.frames for note in found if note.frames is not None)])
    if pixels.offset >= 0 and held < instance.frames:
        instance = replace(instance, traits=(*instance.traits, ("HeldFrames", float(held))))
    return Header(
        file=ref,
        patient=make_patient(model),
        study=make_study(model),
        series=make_series(model),
        instance=instance,
        pixels=pixels,
        dicom_json=pack(dicom),
        ohif_json=pack(plain),
        notes=tuple([note.sentence for note in found]),
        truncated=any(note.truncated for note in found),
        doubtful_text=doubtful,
    )


def _has_doubtful_text(parsed: Parsed, fragments: Fragments, encodings: tuple[str, ...] | None) -> bool:
    if encodings is None:
        named = fragments.get(SPECIFIC_CHARACTER_SET)
        encodings = find_encodings(named.element.get("Value") if named else None)
    # What comes out as ASCII is what it was meant to be.
    suspects = [tag for tag in LISTED if tag in fragments and not fragments[tag].plain.isascii()]
    return UNKNOWN in encodings or any(
        is_doubtful(parsed.value(tag), encodings, person_name=fragments[tag].element["vr"] == "PN") for tag in suspects
    )


def _refuse(parsed: Parsed, sop_class: str) -> None:
    """Refuse what is DICOM, but belongs to no study, or has lost the name of its study."""
    if sop_class == uids.MEDIA_STORAGE_DIRECTORY or parsed.value(_DIRECTORY_RECORDS) or parsed.value(_FILE_SET_ID):
        raise NotDicom("It is a DICOMDIR, a table of contents. The files that it lists are read by themselves.")
    if sop_class in uids.NOT_OF_A_PATIENT:
        raise Unreadable("It belongs to no study: it holds settings for viewers or scanners, no images.")
    # A file may be cut between two elements. A study must not be made up for one that ends before it names its own:
    # it belongs to one that is there already. (Zeros that fill up a block of the disc look like elements (0000,0000).)
    if parsed.pixels is None and max(element.tag for element in parsed.elements) < _STUDY:
        raise Unreadable(f"It is cut short: it ends before its study is named, after {parsed.size:,} bytes. {AGAIN}")


def _identify(parsed: Parsed) -> tuple[dict[int, str], list[str]]:
    """Return the four UIDs, with stable ones made from the content where the file has none, and what to say of it."""

    def text(tag: int) -> str:
        return value_text(parsed.value(tag))

    sop_class = text(_SOP_CLASS) or parsed.meta.get(_META_SOP_CLASS, "")
    _refuse(parsed, sop_class)
    study, series = text(_STUDY), text(_SERIES)
    instance = text(_SOP_INSTANCE) or parsed.meta.get(_META_SOP_INSTANCE, "")
    missing = []
    if not uids.is_uid(study):
        # Patient ID, name, date, time, Study ID, Accession Number: what one study's files have in common.
        shared = (0x00100020, 0x00100010, 0x00080020, 0x00080030, 0x00200010, 0x00080050)
        named = [*map(text, shared)]
        if not any(named):
            # Nothing says whose they are. What images of several people seldom have in common keeps those apart:
            # Series Instance UID, Frame of Reference UID, dates of acquisition, content and creation.
            named += map(text, (_SERIES, 0x00200052, 0x00080022, 0x00080023, 0x00080012))
        study = uids.make_uid("study", study, *named)
        missing.append("Study Instance UID")
    if not uids.is_uid(series):
        # Modality, number, description, date and time.
        described = (0x00080060, 0x00200011, 0x0008103E, 0x00080021, 0x00080031)
        series = uids.make_uid("series", study, series, *map(text, described))
        missing.append("Series Instance UID")
    if not uids.is_uid(instance):
        instance = uids.make_uid("instance", _digest(parsed.stream))
        missing.append("SOP Instance UID")
    notes = [f"It has no valid {' and no '.join(missing)}; made from its content."] if missing else []
    return {_STUDY: study, _SERIES: series, _SOP_INSTANCE: instance, _SOP_CLASS: sop_class}, notes


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
