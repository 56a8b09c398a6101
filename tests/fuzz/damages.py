"""Damages of what stands at a known place of a file: lengths, VRs, values, syntaxes, tables.

Each is a function of a random generator and a file, and gives edits. A new one is written below, and listed in
:data:`STRUCTURAL`.
"""

import struct
from collections.abc import Iterable, Sequence
from random import Random

from pydicom import datadict
from unit.helpers import UNDEFINED, implicit_element, item, part10

from desktop.dicom import uids

from .building import VRS, absurd_value
from .edits import Edit
from .large import LARGE
from .placing import ROOM, Structural, insertion, write
from .sources import Place, Source

_TRANSFER_SYNTAX = 0x00020010
_KEYWORDS = """
    SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID StudyDate
    StudyTime SeriesTime Modality PatientName PatientID PatientBirthDate PatientSex InstanceNumber SeriesNumber
    NumberOfFrames Rows Columns SamplesPerPixel BitsAllocated PixelRepresentation PhotometricInterpretation
    ImagePositionPatient ImageOrientationPatient PixelSpacing FrameTime TimeSlotVector SliceThickness
    SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence DetectorInformationSequence
    TemporalPositionIdentifier DiffusionBValue TriggerTime EchoTime FrameReferenceTime VOILUTFunction
    FrameOfReferenceUID AcquisitionDateTime ExtendedOffsetTable ExtendedOffsetTableLengths DirectoryRecordSequence
    FileSetID ReferencedFileID RedPaletteColorLookupTableData
"""
_QUESTIONS = (
    *(tag for keyword in _KEYWORDS.split() if (tag := datadict.tag_for_keyword(keyword)) is not None),
    *(0x20011003, 0x0019100C, 0x00431039),
)
"""What the program looks at."""

_SYNTAXES = (
    *uids.NATIVE_SYNTAXES,
    *uids.BROWSER_SYNTAXES,
    uids.DEFLATED_IMAGE_FRAME,
    *("", "1.2.840.10008.1.2.4.100", "1.2.3", "9" * 64, "\0", "../..", "1.2.840.10008.1.2.1.99 "),
)


def wrong_length(random: Random, source: Source) -> list[Edit]:
    """Lengths that are none, undefined, huge, or off by a little."""
    places = source.places + source.meta
    return [_relength(random, source, place) for place in _some(random, places, 3)]


def _relength(random: Random, source: Source, place: Place) -> Edit:
    order = "<" if place.tag >> 16 == 2 else source.order
    letter, most = ("L", UNDEFINED) if place.length_size == 4 else ("H", 0xFFFF)
    (said,) = struct.unpack_from(order + letter, source.data, place.length_at)
    rest = len(source.data) - place.start
    wrong = (0, most, most - 1, most >> 1, said + 1, said - 1, said + 2, said - 2, said + 8, said // 2, rest, rest + 1)
    length = random.choice((*wrong, random.randrange(most)))
    return Edit(place.length_at, place.start, struct.pack(order + letter, length & most))


def swap_vr(random: Random, source: Source) -> list[Edit]:
    """VRs that are others; the form of their lengths stays."""
    places = [place for place in source.places + source.meta if place.vr]
    return [Edit(at.at + 4, at.at + 6, random.choice(VRS).encode()) for at in _some(random, places, 3)]


def rewrite_vr(random: Random, source: Source) -> list[Edit]:
    """Elements that are rightly written, with another VR."""
    places = _values(place for place in source.places if place.vr)
    return [
        Edit(at.at, at.end, write(source, at.tag, random.choice(VRS), source.data[at.start : at.end]))
        for at in _some(random, places, 3)
    ]


def absurd_values(random: Random, source: Source) -> list[Edit]:
    """Elements that are rightly written, with absurd values."""
    return [
        Edit(at.at, at.end, write(source, at.tag, at.vr or "UN", absurd_value(random)))
        for at in _some(random, _values(source.places), 5)
    ]


def answer_wrongly(random: Random, source: Source) -> list[Edit]:
    """What the program looks at, with absurd VRs and values, in its own place or another."""
    edits = []
    for tag in _some(random, _QUESTIONS, 5):
        kept = [at for at in _values(source.places) if at.tag == tag and at.top]
        vr, value = random.choice(VRS), absurd_value(random)
        if not source.implicit and random.random() < 0.5:
            vr = datadict.dictionary_VR(tag).split(" ")[0] if datadict.dictionary_has_tag(tag) else "DS"
        written = write(source, tag, vr, value)
        if kept and random.random() < 0.7:
            edits.append(Edit(kept[0].at, kept[0].end, written))
        else:
            edits.append(insertion(random, source, written))
    return edits


def vectors_of_frames(random: Random, source: Source) -> list[Edit]:
    """As many values as there are frames, but of another kind than they should be."""
    count = random.choice((2, 3, 100))
    vr, value = random.choice((("PN", b"A^B"), ("DS", b"1"), ("AT", b"\1\0\1\0"), ("LO", b"A"), ("SQ", item(b""))))
    values = value * count if vr in ("AT", "SQ") else b"\\".join([value] * count)
    tag = random.choice((0x00540070, 0x00280009, 0x00200032))
    frames = write(source, 0x00280008, "IS", str(count).encode())
    return [insertion(random, source, frames + write(source, tag, vr, values))]


def wrong_syntax(random: Random, source: Source) -> list[Edit]:
    """Another Transfer Syntax UID."""
    uid = random.choice(_SYNTAXES).encode("latin-1")
    if random.random() < 0.5:
        return [Edit(0, source.dataset, part10(b"", uid.decode("latin-1")))] if source.dataset else []
    return [
        Edit(at.start, at.end, uid[: at.end - at.start].ljust(at.end - at.start, b"\0"))
        for at in source.meta
        if at.tag == _TRANSFER_SYNTAX
    ]


def private_blocks(random: Random, source: Source) -> list[Edit]:
    """Private elements: creators that are missing, long, or no text, and sequences in UN."""
    group = random.choice((0x0009, 0x0029, 0x7FE1, 0xFFFF)) << 16
    creator = random.choice((b"SIEMENS CSA HEADER", b"GEMS_PARM_01", b"", b"\xff" * 8, b"\\" * 100, b"C" * 60_000))
    inner = write(source, 0x00080100, "SH", b"A ") + write(source, group | 0x1002, "UN", absurd_value(random))
    one = item(inner, order=source.order, undefined=random.random() < 0.5)
    items = one * min(random.choice((1, 3, 1000)), ROOM // len(one))
    written = [
        write(source, group | 0x0010, random.choice(VRS), creator),
        write(source, group | 0x1001, random.choice(VRS), absurd_value(random)),
        write(source, group | 0x1003, "UN", items),
        write(source, group | 0x1004, "SQ", items),
        # In UN, a sequence is in implicit VR, whatever stands around it.
        write(source, group | 0x1005, "UN", item(implicit_element(0x00080100, b"A "))),
    ]
    return [insertion(random, source, b"".join(random.sample(written, random.randrange(1, len(written) + 1))))]


def directory_offsets(random: Random, source: Source) -> list[Edit]:
    """Records of a DICOMDIR that lead to one another, to nowhere, or out of their folder."""
    records = [place for place in source.places if place.tag in (0x00041200, 0x00041202, 0x00041400, 0x00041420)]
    names = [place for place in source.places if place.tag == 0x00041500]
    starts = [place.at for place in source.places if place.tag == 0xFFFEE000] or [0]
    numbers = (*starts, 0, 1, UNDEFINED, len(source.data))
    return [
        *(Edit(at.start, at.end, struct.pack("<L", random.choice(numbers))) for at in _some(random, records, 20)),
        *(
            Edit(at.at, at.end, write(source, at.tag, "CS", random.choice((b"..\\..\\A ", b"/etc/passwd ", b"\\\\"))))
            for at in _some(random, names, 3)
        ),
    ]


STRUCTURAL: tuple[Structural, ...] = (
    wrong_length,
    swap_vr,
    rewrite_vr,
    absurd_values,
    answer_wrongly,
    vectors_of_frames,
    wrong_syntax,
    private_blocks,
    directory_offsets,
    *LARGE,
)


def _some(random: Random, choices: Sequence, most: int) -> list:
    return random.sample(choices, min(random.randrange(1, most + 1), len(choices)))


def _values(places: Iterable[Place]) -> list[Place]:
    """Those whose value is told."""
    return [place for place in places if place.end > place.start]
