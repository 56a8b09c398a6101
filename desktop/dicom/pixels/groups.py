"""Functional groups of multi-frame images (PS3.3 §C.7.6.16)."""

from ..items import Item


def find_group(item: Item, frame_number: int, keyword: str) -> Item | None:
    """Return what is said of one frame; None if nothing is.

    Args:
        item: the data set.
        frame_number: from 1.
        keyword: of the functional group's sequence, such as ``PixelMeasuresSequence``.
    """
    # Thousands of frames may be listed, so only the one that is asked for is looked at.
    frames = item.values("PerFrameFunctionalGroupsSequence")
    listed = frames[frame_number - 1] if 0 < frame_number <= len(frames) else None
    own = Item(listed) if isinstance(listed, dict) else Item({})
    for groups in (own, item.item("SharedFunctionalGroupsSequence")):
        for found in groups.items(keyword):
            return found
    return None
