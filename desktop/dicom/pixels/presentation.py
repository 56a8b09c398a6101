"""Presentation states: how images are to be shown, as somebody has left it (PS3.3 §A.33, PS3.4 Annex N)."""

from dataclasses import dataclass, field
from enum import Enum

from ..items import Item, ReadBulk
from .annotations import read_annotations, read_layers
from .look import PresentationLut
from .luts import Modality, Voi, read_lut, read_modality, read_voi
from .marks import Annotation, Layer
from .overlays import Overlay, overlay_groups, read_overlays
from .palettes import Palette, read_palette
from .references import ImageReference, Reference, Scope, read_references, read_scope
from .shutters import Shutter, read_shutter
from .views import Area, read_areas


class Kind(Enum):
    """What a presentation state does with colours."""

    GRAYSCALE = "Grayscale"
    COLOR = "Color"
    PSEUDO_COLOR = "Pseudo-Color"
    BLENDING = "Blending"


_CLASS = "1.2.840.10008.5.1.4.1.1.11."
_KINDS = {
    _CLASS + "1": Kind.GRAYSCALE,
    _CLASS + "2": Kind.COLOR,
    _CLASS + "3": Kind.PSEUDO_COLOR,
    _CLASS + "4": Kind.BLENDING,
    _CLASS + "5": Kind.GRAYSCALE,  # XA/XRF Grayscale
    _CLASS + "8": Kind.BLENDING,  # Advanced Blending
    _CLASS + "12": Kind.GRAYSCALE,  # Variable Modality LUT
}
"""SOP classes that show frames of images; volumetric ones show volumes."""

_NOT_APPLIED = {
    "MaskSubtractionSequence": "It subtracts a mask from the image, which is shown as it is.",
    "ICCProfile": "Its colour profile is not applied: colours are shown as sRGB.",
    "BlendingSequence": "It blends two series: one image is shown alone, in grey.",
    "AdvancedBlendingSequence": "It blends images: one of them is shown alone, in grey.",
    "PixelShiftSequence": "It shifts the mask, which is not applied.",
    "MaskVisibilityPercentage": "Its mask is to shine through, which is not applied.",
    "PresentationAnimationStyle": "It is animated: one frame is shown.",
}
"""What states hold that is not applied, and what to say of it."""


@dataclass(frozen=True, slots=True, eq=False)
class ScopedModality:
    """A transformation of stored values, and the images that it is for."""

    scope: Scope
    modality: Modality


@dataclass(frozen=True, slots=True, eq=False)
class ScopedVoi:
    """A window or table, and the images that it is for."""

    scope: Scope
    voi: Voi


@dataclass(frozen=True, slots=True, eq=False)
class Presentation:
    """A presentation state.

    Attributes:
        references: the images that it is for.
        modalities, vois: the first that covers a frame counts; those of the image do not (PS3.4 §N.2).
        palette: of a Pseudo-Color state.
        rotation: 0, 90, 180 or 270 degrees clockwise, before the flip.
        layers: from below.
        planes: overlays that the state itself holds.
        activations: (group, layer) of each overlay that is shown, of the state or the image.
        unapplied: what is in the state and is not applied, in sentences.
    """

    SOPInstanceUID: str
    kind: Kind
    ContentLabel: str = ""
    ContentDescription: str = ""
    references: tuple[ImageReference, ...] = ()
    modalities: tuple[ScopedModality, ...] = ()
    vois: tuple[ScopedVoi, ...] = ()
    presentation_lut: PresentationLut = field(default_factory=PresentationLut)
    palette: Palette | None = None
    rotation: int = 0
    flip: bool = False
    areas: tuple[Area, ...] = ()
    shutter: Shutter | None = None
    layers: tuple[Layer, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    planes: tuple[Overlay, ...] = ()
    activations: tuple[tuple[int, str], ...] = ()
    unapplied: tuple[str, ...] = ()

    def covers(self, reference: Reference) -> bool:
        """Whether the state is for a frame."""
        return any(image.covers(reference) for image in self.references)

    def modality_of(self, reference: Reference) -> Modality:
        """Return the transformation of a frame's stored values; the identity if the state has none."""
        found = (scoped.modality for scoped in self.modalities if scoped.scope.covers(reference))
        return next(found, None) or Modality()

    def voi_of(self, reference: Reference) -> Voi | None:
        """Return the window or table for a frame; None if the state has none."""
        return next((scoped.voi for scoped in self.vois if scoped.scope.covers(reference)), None)

    def area_of(self, reference: Reference) -> Area | None:
        """Return what of a frame is displayed; None for all of it."""
        return next((area for area in self.areas if area.scope.covers(reference)), None)


def make_presentation(item: Item, read_bulk: ReadBulk) -> Presentation:
    """Return a presentation state.

    Args:
        item: its data set.
        read_bulk: reads the data of its look-up tables and overlays.

    Raises:
        LookupError, OSError, NegatoscopeError: what ``read_bulk`` raises.
    """
    kind = _KINDS.get(item.text("SOPClassUID"))
    unapplied = [sentence for keyword, sentence in _NOT_APPLIED.items() if keyword in item]
    if kind is None:
        unapplied.append("It is a presentation state of an unknown kind: only what is usual in others is applied.")
    if item.text("RecommendedViewingMode").upper() == "SUB" and "MaskSubtractionSequence" not in item:
        unapplied.append(_NOT_APPLIED["MaskSubtractionSequence"])
    rotation = item.integer("ImageRotation") or 0
    if rotation % 90:
        unapplied.append(f"It turns the image by {rotation} degrees, which is not applied.")
        rotation = 0
    shutter, of_shutter = read_shutter(item)
    annotations, of_annotations = read_annotations(item)
    planes, of_planes = read_overlays(item, 1, read_bulk)
    areas = read_areas(item)
    if len(areas) < len(item.items("DisplayedAreaSelectionSequence")):
        unapplied.append("A displayed area makes no sense: all of the image is shown.")
    palette = read_palette(item, read_bulk, signed=False) if kind is Kind.PSEUDO_COLOR else None
    if kind is Kind.PSEUDO_COLOR and palette is None:
        unapplied.append("The colours of its palette are missing or damaged: the image is shown in grey.")
    return Presentation(
        SOPInstanceUID=item.text("SOPInstanceUID"),
        kind=kind or Kind.GRAYSCALE,
        ContentLabel=item.text("ContentLabel"),
        ContentDescription=item.text("ContentDescription"),
        references=read_references(item),
        modalities=_read_modalities(item, read_bulk),
        vois=_read_vois(item, read_bulk),
        presentation_lut=_read_presentation_lut(item, read_bulk),
        palette=palette,
        rotation=rotation % 360,
        flip=item.text("ImageHorizontalFlip").upper() == "Y",
        areas=areas,
        shutter=shutter,
        layers=read_layers(item),
        annotations=annotations,
        planes=planes,
        activations=_read_activations(item),
        unapplied=tuple(dict.fromkeys([*unapplied, *of_shutter, *of_annotations, *of_planes])),
    )


def _read_modalities(item: Item, read_bulk: ReadBulk) -> tuple[ScopedModality, ...]:
    # A blending state has one for each of both series, one of variable tables has several.
    lists = [item, *item.items("BlendingSequence"), *item.items("VariableModalityLUTSequence")]
    modalities = []
    for listed in lists:
        found = read_modality(listed, read_bulk, signed=False)
        if found is not None:
            scope = read_scope(listed)
            images = read_references(listed) if listed is not item else ()
            modalities.append(ScopedModality(scope if scope.images else Scope(images), found))
    return tuple(modalities)


def _read_vois(item: Item, read_bulk: ReadBulk) -> tuple[ScopedVoi, ...]:
    # A blending state has one list for each of both series.
    lists = [item, *item.items("BlendingSequence")]
    vois = []
    for listed in lists:
        images = read_references(listed) if listed is not item else ()
        for found in listed.items("SoftcopyVOILUTSequence"):
            voi = read_voi(found, read_bulk, signed=False)
            if voi is not None:
                scope = read_scope(found)
                vois.append(ScopedVoi(scope if scope.images else Scope(images), voi))
    return tuple(vois)


def _read_presentation_lut(item: Item, read_bulk: ReadBulk) -> PresentationLut:
    for table in item.items("PresentationLUTSequence"):
        if (lut := read_lut(table, read_bulk, signed=False)) is not None:
            return PresentationLut(lut=lut)
    return PresentationLut(item.text("PresentationLUTShape").upper() == "INVERSE")


def _read_activations(item: Item) -> tuple[tuple[int, str], ...]:
    activated = ((group, item.text(f"{group:04X}1001")) for group in overlay_groups(item))
    return tuple((group, layer) for group, layer in activated if layer)
