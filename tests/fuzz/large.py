"""Damages that make a file large, deep or hard to read, or another file altogether.

A new one is written below, and listed in :data:`LARGE`.
"""

import struct
from random import Random

from unit.helpers import item, part10

from desktop.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN

from .building import CHARACTER_SETS, FILLINGS, archive, deflate, nest, swarm, swelling_file
from .edits import Edit
from .placing import ROOM, Structural, insertion, write
from .sources import Source

_SEQUENCES = (0x00081115, 0x00400275, 0x52009230, 0x00091010, 0x0019AABB, 0x00041220)


def hard_texts(random: Random, source: Source) -> list[Edit]:
    """Long texts of escapes, backslashes and broken characters, in any character set."""
    written = [write(source, 0x00080005, "CS", random.choice(CHARACTER_SETS))]
    for tag in random.sample((0x00100010, 0x00081030, 0x0008103E, 0x00420010, 0x00104000), random.randrange(1, 4)):
        filling = random.choice(FILLINGS)
        count = random.choice((1, 100, 30_000, 900_000)) // len(filling)
        written.append(write(source, tag, random.choice(("UT", "UC", "LO", "PN")), filling * count))
    return [insertion(random, source, b"".join(written)[:ROOM])]


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
    return [insertion(random, source, nested)]


def tiny_elements(random: Random, source: Source) -> list[Edit]:
    """Many elements, or items, of hardly any bytes: at the top, in an item, or as a sequence."""
    count = random.choice((1000, 20_000, 100_000, 200_000, 240_000))
    kind = random.randrange(3)
    tag = random.choice(_SEQUENCES)
    if kind == 0:
        return [insertion(random, source, _swarm(random, source, count))]
    undefined = random.random() < 0.5
    if kind == 1:
        value = item(_swarm(random, source, count), order=source.order, undefined=undefined)
    else:
        value = item(b"", order=source.order, undefined=undefined) * min(count, ROOM // 16)
    return [insertion(random, source, write(source, tag, "SQ", value))]


def offset_tables(random: Random, source: Source) -> list[Edit]:
    """Extended Offset Tables that lead anywhere, for as many frames as they please."""
    frames = random.choice((1, 2, 1000, 50_000))
    tables = [
        struct.pack(f"<{frames}Q", *(random.getrandbits(random.choice((4, 16, 32, 64))) for _ in range(frames)))
        for _ in range(2)
    ]
    number = write(source, 0x00280008, "IS", str(random.choice((frames, frames + 1, 2**31))).encode())
    first, second = (write(source, 0x7FE00001 + count, "OV", table) for count, table in enumerate(tables))
    at = next((place.at for place in source.places if place.tag == 0x7FE00010), len(source.data))
    return [Edit(at, at, number + first + second)]


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
    data = part10(packed + random.randbytes(random.choice((0, 1, 100))), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    return [Edit(0, len(source.data), data)]


def _swarm(random: Random, source: Source, count: int) -> bytes:
    # The same tag again and again, or another each time: what is remembered of tags must have an end too.
    tag, step = random.choice(((0x00100020, 0), (0x00211000, 1), (0x00400000, 0x10001)))
    vr, value = random.choice((("LO", b""), ("DS", b""), ("LO", b"A ")))
    size = len(write(source, tag, vr, value))
    return swarm(
        min(count, ROOM // size), order=source.order, implicit=source.implicit, tag=tag, step=step, vr=vr, value=value
    )


HEAVY: tuple[Structural, ...] = (hard_texts, deep_nest, tiny_elements, swell)
"""Those after which a file may take seconds."""

LARGE: tuple[Structural, ...] = (offset_tables, pack_archive, pack_dataset, *HEAVY)
