"""Damages of what stands at a known place of a file: lengths, VRs, values, sequences, or the file as a whole.

Each is a function of a random generator and a file, and gives edits. A new one is written below, and listed in
:data:`STRUCTURAL`.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random

from pydicom import datadict
from unit.helpers import UNDEFINED, implicit_element, item, part10

from desktop.dicom import uids

from .building import VRS, absurd_value, archive, deflate, nest, swarm, swelling_file, write
from .edits import Edit
from .sources import Place, Source

ROOM = 2_000_000
"""Bytes that a damage may add."""

_TRANSFER_SYNTAX = 0x00020010
_SEQUENCES = (0x00081115, 0x00400275, 0x52009230, 0x00091010, 0x0019AABB, 0x00041220)
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
        Edit(at.at, at.end, _write(source, at.tag, random.choice(VRS), source.data[at.start : at.end]))
        for at in _some(random, places, 3)
    ]


def absurd_values(random: Random, source: Source) -> list[Edit]:
    """Elements that are rightly written, with absurd values."""
    return [
        Edit(at.at, at.end, _write(source, at.tag, at.vr or "UN", absurd_value(random)))
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
        written = _write(source, tag, vr, value)
        if kept and random.random() < 0.7:
            edits.append(Edit(kept[0].at, kept[0].end, written))
        else:
            edits.append(_insertion(random, source, written))
    return edits


def vectors_of_frames(random: Random, source: Source) -> list[Edit]:
    """As many values as there are frames, but of another kind than they should be."""
    count = random.choice((2, 3, 100))
    vr, value = random.choice((("PN", b"A^B"), ("DS", b"1"), ("AT", b"\1\0\1\0"), ("LO", b"A"), ("SQ", item(b""))))
    values = value * count if vr in ("AT", "SQ") else b"\\".join([value] * count)
    tag = random.choice((0x00540070, 0x00280009, 0x00200032))
    frames = _write(source, 0x00280008, "IS", str(count).encode())
    return [_insertion(random, source, frames + _write(source, tag, vr, values))]


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


def deep_nest(random: Random, source: Source) -> list[Edit]:
    """Sequences within sequences, 10 to 100,000 deep, around nothing, or around many elements."""
    depth = random.choice((10, 40, 62, 63, 64, 65, 100, 1000, 10_000, 100_000))
    core = b""
    if random.random() < 0.5:
        count = random.choice((1, 1000, 20_000, 100_000))
        core = _swarm(random, source, count)
    nested = nest(
        depth,
        order=source.order,
        implicit=source.implicit,
        undefined=random.random() < 0.6,
        tag=random.choice(_SEQUENCES),
        vr=random.choice(("SQ", "SQ", "SQ", "UN", "OB")),
        core=core,
    )
    return [_insertion(random, source, nested)]


def tiny_elements(random: Random, source: Source) -> list[Edit]:
    """Many elements, or items, of hardly any bytes: at the top, in an item, or as a sequence."""
    count = random.choice((1000, 20_000, 100_000, 200_000, 240_000))
    kind = random.randrange(3)
    tag = random.choice(_SEQUENCES)
    if kind == 0:
        return [_insertion(random, source, _swarm(random, source, count))]
    undefined = random.random() < 0.5
    if kind == 1:
        value = item(_swarm(random, source, count), order=source.order, undefined=undefined)
    else:
        value = item(b"", order=source.order, undefined=undefined) * min(count, ROOM // 16)
    return [_insertion(random, source, _write(source, tag, "SQ", value))]


def private_blocks(random: Random, source: Source) -> list[Edit]:
    """Private elements: creators that are missing, long, or no text, and sequences in UN."""
    group = random.choice((0x0009, 0x0029, 0x7FE1, 0xFFFF)) << 16
    creator = random.choice((b"SIEMENS CSA HEADER", b"GEMS_PARM_01", b"", b"\xff" * 8, b"\\" * 100, b"C" * 60_000))
    inner = _write(source, 0x00080100, "SH", b"A ") + _write(source, group | 0x1002, "UN", absurd_value(random))
    one = item(inner, order=source.order, undefined=random.random() < 0.5)
    items = one * min(random.choice((1, 3, 1000)), ROOM // len(one))
    written = [
        _write(source, group | 0x0010, random.choice(VRS), creator),
        _write(source, group | 0x1001, random.choice(VRS), absurd_value(random)),
        _write(source, group | 0x1003, "UN", items),
        _write(source, group | 0x1004, "SQ", items),
        # In UN, a sequence is in implicit VR, whatever stands around it.
        _write(source, group | 0x1005, "UN", item(implicit_element(0x00080100, b"A "))),
    ]
    return [_insertion(random, source, b"".join(random.sample(written, random.randrange(1, len(written) + 1))))]


def offset_tables(random: Random, source: Source) -> list[Edit]:
    """Extended Offset Tables that lead anywhere, for as many frames as they please."""
    frames = random.choice((1, 2, 1000, 50_000))
    tables = [
        struct.pack(f"<{frames}Q", *(random.getrandbits(random.choice((4, 16, 32, 64))) for _ in range(frames)))
        for _ in range(2)
    ]
    number = _write(source, 0x00280008, "IS", str(random.choice((frames, frames + 1, 2**31))).encode())
    first, second = (_write(source, 0x7FE00001 + count, "OV", table) for count, table in enumerate(tables))
    at = next((place.at for place in source.places if place.tag == 0x7FE00010), len(source.data))
    return [Edit(at, at, number + first + second)]


def directory_offsets(random: Random, source: Source) -> list[Edit]:
    """Records of a DICOMDIR that lead to one another, to nowhere, or out of their folder."""
    records = [place for place in source.places if place.tag in (0x00041200, 0x00041202, 0x00041400, 0x00041420)]
    names = [place for place in source.places if place.tag == 0x00041500]
    starts = [place.at for place in source.places if place.tag == 0xFFFEE000] or [0]
    numbers = (*starts, 0, 1, UNDEFINED, len(source.data))
    return [
        *(Edit(at.start, at.end, struct.pack("<L", random.choice(numbers))) for at in _some(random, records, 20)),
        *(
            Edit(at.at, at.end, _write(source, at.tag, "CS", random.choice((b"..\\..\\A ", b"/etc/passwd ", b"\\\\"))))
            for at in _some(random, names, 3)
        ),
    ]


def swell(random: Random, source: Source) -> list[Edit]:
    """Another file altogether: a small one with a large deflated data set."""
    return [Edit(0, len(source.data), swelling_file(random))]


def pack_archive(random: Random, source: Source) -> list[Edit]:
    """The same file, in an archive."""
    return [Edit(0, len(source.data), archive(random, source.data))]


def pack_dataset(random: Random, source: Source) -> list[Edit]:
    """The same data set, deflated, with something behind it or the end missing."""
    if not source.dataset or source.implicit or source.order != "<":
        return []
    packed = deflate(source.data[source.dataset :], b"\0", random.choice((0, 1, 1000)))
    packed = packed[: random.choice((len(packed), len(packed) - 8, len(packed) // 2))]
    data = part10(packed + random.randbytes(random.choice((0, 1, 100))), uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    return [Edit(0, len(source.data), data)]


Structural = Callable[[Random, Source], list[Edit]]

STRUCTURAL: tuple[Structural, ...] = (
    wrong_length,
    swap_vr,
    rewrite_vr,
    absurd_values,
    answer_wrongly,
    vectors_of_frames,
    wrong_syntax,
    private_blocks,
    offset_tables,
    directory_offsets,
    pack_archive,
    pack_dataset,
    deep_nest,
    tiny_elements,
    swell,
)

HEAVY: tuple[Structural, ...] = (deep_nest, tiny_elements, swell)
"""Those after which a file may take seconds."""


def _some(random: Random, choices: Sequence, most: int) -> list:
    return random.sample(choices, min(random.randrange(1, most + 1), len(choices)))


def _values(places: Iterable[Place]) -> list[Place]:
    """Those whose value is told."""
    return [place for place in places if place.end > place.start]


def _write(source: Source, tag: int, vr: str, value: bytes) -> bytes:
    return write(tag, vr, value, order=source.order, implicit=source.implicit)


def _swarm(random: Random, source: Source, count: int) -> bytes:
    # The same tag again and again, or another each time: what is remembered of tags must have an end too.
    tag, step = random.choice(((0x00100020, 0), (0x00211000, 1), (0x00400000, 0x10001)))
    vr, value = random.choice((("LO", b""), ("DS", b""), ("LO", b"A ")))
    size = len(_write(source, tag, vr, value))
    return swarm(
        min(count, ROOM // size), order=source.order, implicit=source.implicit, tag=tag, step=step, vr=vr, value=value
    )


def _insertion(random: Random, source: Source, data: bytes) -> Edit:
    """Put ``data`` between two elements of the top level."""
    tops = sorted(place.at for place in source.places if place.top)
    between = [other for one, other in pairwise(tops) if other > one]
    at = random.choice(between) if between else len(source.data)
    return Edit(at, at, data)
