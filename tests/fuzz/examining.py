"""Reads one file as a worker does, goes on with what was read as the viewer does, and notes what should not happen.

What another reader gives is followed by one more function in :data:`STEPS`.
"""

import io
import json
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import desktop
from desktop.dicom import frames
from desktop.dicom.aids import find_obstacle
from desktop.dicom.bulkdata import NoBulkData, read_bulk_data
from desktop.dicom.files import open_source
from desktop.dicom.metadata import unpack
from desktop.dicom.records import FileRef, Header, SeriesContext
from desktop.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, VIDEO_SYNTAXES
from desktop.displaysets.registry import make_display_sets, sort_display_sets
from desktop.documents.document import make_document
from desktop.errors import NegatoscopeError
from desktop.importers import reading
from desktop.importers.reading import ArchiveMet
from desktop.library.outcomes import Refusal
from desktop.pictures.drawing import decode_for_viewer, draw_thumbnail
from desktop.pictures.stored import Stored

OUR_OWN = (NegatoscopeError, frames.NoFrame, NoBulkData)
"""What may be raised: each has a sentence for the user."""

_PROGRAM = Path(str(desktop.__file__)).parent
_MEMBERS = 4
"""Files that are read of each archive, and of each archive in it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that must not happen.

    Attributes:
        step: what was being done.
        kind: the name of the exception, or a word such as "time".
        where: the last line of the program's own code.
        trace: the whole traceback, if there is one.
    """

    step: str
    kind: str
    where: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of one file: an outcome's name, or empty if it could not be told."""

    outcome: str
    troubles: tuple[Trouble, ...] = ()


def make_trouble(step: str, error: BaseException) -> Trouble:
    """Say where an exception comes from."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _PROGRAM in Path(frame.filename).parents]
    where = f"{Path(ours[-1].filename).relative_to(_PROGRAM.parent)}:{ours[-1].lineno} {ours[-1].name}" if ours else ""
    return Trouble(step, type(error).__name__, where, "".join(traceback.format_exception(error)))


@contextmanager
def noting(owner: object, name: str, troubles: list[Trouble]) -> Iterator[None]:
    """Note the unexpected exceptions of a function behind which an edge makes a refusal of whatever is raised."""
    inner = getattr(owner, name)

    def noted(*arguments: Any) -> Any:
        try:
            return inner(*arguments)
        except OUR_OWN:
            raise
        except BaseException as error:
            # Without a number, an OSError is the program's own. With one, it asked something impossible of the disk.
            if isinstance(error, OSError) and error.errno is None:
                raise
            troubles.append(make_trouble(name, error))
            raise

    with mock.patch.object(owner, name, noted):
        yield


def examine(ref: FileRef) -> Examined:
    """Read a file, and go on with its header as far as it goes."""
    troubles: list[Trouble] = []
    # What pydicom warns of, it prints, and it may be a patient's.
    with warnings.catch_warnings(record=True) as warned, noting(reading, "_read", troubles):
        warnings.simplefilter("always")
        found = reading.read(ref)
        for step in STEPS.get(type(found), ()):
            try:
                step(found)
            except OUR_OWN:
                continue
            except Exception as error:  # noqa: BLE001 - each is a finding
                troubles.append(make_trouble(step.__name__, error))
    troubles += [Trouble("warning", item.category.__name__, f"{item.filename}:{item.lineno}") for item in warned]
    outcome = found.outcome.value if isinstance(found, Refusal) else type(found).__name__
    return Examined(outcome, tuple(troubles))


def load_metadata(header: Header) -> None:
    """Both forms are JSON, which has no NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    for packed in (header.dicom_json, header.ohif_json):
        json.loads(unpack(packed), parse_constant=refuse)


def show_display_sets(header: Header) -> None:
    """The instance is in exactly one display set, which can be sent."""
    instance = replace(header.instance, context=SeriesContext(header.study, header.series))
    sets = sort_display_sets(make_display_sets([instance]))
    json.dumps([made.to_json() for made in sets], allow_nan=False)
    shown = [other.SOPInstanceUID for made in sets for other in made.instances]
    if shown != [instance.SOPInstanceUID]:
        raise AssertionError(f"the instance is shown {len(shown)} times")


def cut_frames(header: Header) -> None:
    """The first and the last frame, as the server sends them to the viewer."""
    pixels = header.pixels
    with open_source(header.file.path) as source:
        file = stream = source.file
        if frames.is_native(pixels) and pixels.TransferSyntaxUID == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            stream = io.BytesIO(frames.inflate_file(file))
        table = None if frames.is_native(pixels) else frames.make_frame_table(file, pixels)
        for number in (1, pixels.frames):
            if table is not None:
                frames.read_encapsulated_frame(stream, pixels, table, number)
                continue
            frame = frames.read_native_frame(stream, pixels, number)
            if len(frame.data) != (pixels.frame_bits + 7) // 8:
                raise AssertionError("a native frame has not the size that the header says")
            if header.instance.BitsAllocated == 1 and find_obstacle(header.instance, pixels) is None:
                frames.unpack_bits(frame, pixels)


def read_references(header: Header) -> None:
    """The first and the last bulk data that the metadata refer to are there; others may be missing."""
    beginning = "/bulkdata/"
    places = [uri.split(beginning)[1] for uri in _references(json.loads(unpack(header.dicom_json)))]
    with open_source(header.file.path) as source:
        file = source.file
        for place in (*places[:1], *places[-1:]):
            file.seek(0)
            try:
                read_bulk_data(file, header.file.size, place)
            except NoBulkData as error:
                raise AssertionError("a reference leads to nothing") from error
        file.seek(0)
        read_bulk_data(file, header.file.size, "00081140/0/00081150")


def _references(model: dict[str, Any]) -> Iterator[str]:
    for element in model.values():
        if "BulkDataURI" in element:
            yield element["BulkDataURI"]
        elif element["vr"] == "SQ":
            for item in element.get("Value", ()):
                yield from _references(item)


def make_page(header: Header) -> None:
    """It has a page, whatever it is, and its elements are a page too."""
    stored = _store(header)
    item = stored.load()
    for kind in (None, "tags"):
        make_document(item, stored.read_bulk, kind).html.encode("utf-8", "replace")


def draw(header: Header) -> None:
    """A small picture, and the first frame as the viewer is sent it."""
    if header.instance.has_pixels and header.instance.TransferSyntaxUID not in VIDEO_SYNTAXES:
        stored = _store(header)
        for task in (partial(draw_thumbnail, stored, 1, 64, {}), partial(decode_for_viewer, stored, (1,), {})):
            with suppress(*OUR_OWN):
                task()


def _store(header: Header) -> Stored:
    return Stored(header.file, header.pixels, header.instance, header.dicom_json)


def read_members(archive: ArchiveMet) -> None:
    """What an archive holds is read, and shown, as if it lay on the disk."""
    for member in archive.listing.members[:_MEMBERS]:
        found = reading.read(FileRef(member.path, member.size, archive.file.mtime_ns))
        for step in STEPS.get(type(found), ()):
            with suppress(*OUR_OWN):
                step(found)


STEPS: dict[type, tuple[Callable[[Any], None], ...]] = {
    Header: (load_metadata, show_display_sets, cut_frames, read_references, make_page, draw),
    ArchiveMet: (read_members,),
}
"""What is done with what was read, by its type, in this order."""
