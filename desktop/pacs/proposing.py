"""Decides which presentation contexts are proposed where objects are to come over our association (PS3.4 §C.5.3)."""

from collections.abc import Iterable, Sequence

from ..dicom.uids import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    RLE_LOSSLESS,
)
from .negotiation import Proposal, is_stored

NATIVE = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_MOST = 128
"""Presentation contexts of one association: their IDs are the odd numbers of a byte."""

_COMPRESSED = (
    *(f"1.2.840.10008.1.2.4.{number}" for number in (70, 50, 90, 91, 80, 57, 81, 51)),
    RLE_LOSSLESS,
    *(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203, 102, 103, 100, 101, 104, 105, 106, 107, 108)),
    *(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112)),
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
)
"""What objects may be compressed by, the most common first. Each needs a context of its own, since a node chooses one
transfer syntax for each, and not all decompress what they have otherwise."""

_IMAGES = "1.2.840.10008.5.1.4.1.1."
COMMON = tuple(
    _IMAGES + end
    for end in (
        *("2", "4", "1", "1.1", "3.1", "6.1", "12.1", "12.2", "20", "128", "7", "1.2", "1.3", "2.1", "4.1", "130"),
        *("88.11", "88.22", "88.33", "88.34", "88.59", "88.67", "11.1", "66.4", "66.7", "66.1", "104.1"),
        *("481.1", "481.2", "481.3", "481.5", "7.1", "7.2", "7.3", "7.4", "12.1.1", "12.2.1", "13.1.3", "13.1.1"),
        *("77.1.1", "77.1.2", "77.1.3", "77.1.4", "77.1.5.1", "77.1.5.4", "77.1.6", "77.1.1.1", "77.1.4.1"),
        *("9.1.1", "9.1.2", "9.1.3", "11.2", "30", "66", "104.3"),
    )
)
"""SOP classes of which studies are made, for nodes that do not tell what a study is made of."""


def propose(model: str, classes: Iterable[str]) -> tuple[list[Proposal], list[str]]:
    """Return what is proposed, and the SOP classes for which there was no room.

    Each SOP class has a context for what is not compressed, and as many for what is as there is room.

    Args:
        model: the SOP class by which objects are asked for.
        classes: of the objects; empty if that is not known.
    """
    wanted = [uid for uid in dict.fromkeys(classes) if is_stored(uid)] or list(COMMON)
    wanted, left_out = wanted[: _MOST - 1], wanted[_MOST - 1 :]
    each = (_MOST - 1) // len(wanted) - 1
    offers: list[tuple[str, Sequence[str]]] = [(model, NATIVE)]
    for uid in wanted:
        offers.append((uid, NATIVE))
        alone = _COMPRESSED[:each]
        if 0 < each < len(_COMPRESSED):
            # The last one is for all others together.
            offers += [(uid, (syntax,)) for syntax in alone[:-1]]
            offers.append((uid, _COMPRESSED[each - 1 :]))
        else:
            offers += [(uid, (syntax,)) for syntax in alone]
    return [Proposal(2 * number + 1, uid, tuple(syntaxes)) for number, (uid, syntaxes) in enumerate(offers)], left_out
