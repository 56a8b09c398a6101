"""In which mode of the viewer a study opens, which others are offered, and how its images hang."""

from collections.abc import Sequence
from dataclasses import dataclass

from .handlers.ohif import STACK, WHOLE_SLIDE
from .model import DisplaySet
from .modes import DEFAULT_MODE

MAMMOGRAPHY = "@ohif/hpMammo"
"""OHIF's hanging protocol of breast screening: right and left, CC above MLO. It needs more than two images."""

_SEGMENTED = frozenset({"CT", "MR", "PT"})
_SLIDE_MODALITIES = frozenset({"SM", "ANN", "SEG", "SR"})


@dataclass(frozen=True, slots=True)
class Opening:
    """How a study is opened.

    Attributes:
        mode: by name.
        offered: names of the modes that make sense for it, this one first.
        hanging_protocol: OHIF's id of it; empty for the mode's own.
    """

    mode: str = DEFAULT_MODE.name
    offered: tuple[str, ...] = (DEFAULT_MODE.name,)
    hanging_protocol: str = ""


def choose_opening(sets: Sequence[DisplaySet], whole: Sequence[DisplaySet]) -> Opening:
    """Choose by the display sets of a study.

    Args:
        sets: in the viewer's mode.
        whole: the same where series are not parted, in the mode ``dynamic-volume``.
    """
    slides = any(made.SOPClassHandlerId == WHOLE_SLIDE for made in sets)
    only_slides = slides and all(made.Modality in _SLIDE_MODALITIES for made in sets)
    mode = "microscopy" if only_slides else DEFAULT_MODE.name
    images = [made for made in sets if made.SOPClassHandlerId == STACK]
    modalities = {made.Modality for made in images}
    checks = (
        ("microscopy", slides),
        ("tmtv", {"PT", "CT"} <= {made.Modality for made in images if made.isReconstructable}),
        ("dynamic-volume", any(made.isDynamicVolume and made.isReconstructable for made in whole)),
        ("usAnnotation", "US" in modalities),
        ("segmentation", any(made.isReconstructable and made.Modality in _SEGMENTED for made in images)),
    )
    offered = dict.fromkeys((mode, DEFAULT_MODE.name, *(name for name, fits in checks if fits)))
    breasts = sum(made.Modality == "MG" and not made.isMultiFrame for made in images)
    return Opening(mode, tuple(offered), MAMMOGRAPHY if breasts > 2 and modalities == {"MG"} else "")
