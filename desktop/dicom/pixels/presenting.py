"""Applies a presentation state to a frame (PS3.4 §N.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..items import Item, ReadBulk
from .drawing import Canvas, draw_graphic, draw_text
from .groups import find_group
from .levels import make_levels
from .look import find_aspect
from .marks import Graphic, Layer
from .overlays import Overlay, overlay_mask, read_overlays
from .presentation import Presentation
from .references import Reference
from .shutters import shutter_mask
from .views import Area, View, make_view

_MOST_FILLED = 300_000_000
"""Pixels that are filled at most: what is filled beyond is drawn as an outline."""

_NO_LAYER = Layer("")


@dataclass(frozen=True, slots=True, eq=False)
class Presented:
    """A frame as a presentation state shows it.

    Attributes:
        picture: (rows, columns) grey or (rows, columns, 3) in RGB, 8 bits, with square pixels.
        view: where the image's pixels lie in it.
        unapplied: what of the state cannot be seen in it, in sentences.
    """

    picture: np.ndarray
    view: View
    unapplied: tuple[str, ...]


def apply(
    presentation: Presentation,
    reference: Reference,
    stored: np.ndarray,
    image: Item,
    read_bulk: ReadBulk,
    embedded: Sequence[Overlay] = (),
) -> Presented:
    """Return a frame as a presentation state shows it.

    Args:
        presentation: the state.
        reference: which frame of which image it is.
        stored: its stored values, as :func:`~desktop.dicom.pixels.decoding.decode_frame` returns them.
        image: the image's data set.
        read_bulk: reads bulk data of the image.
        embedded: overlays in the pixels themselves (:func:`~desktop.dicom.pixels.overlays.embedded_overlays`).

    The picture is scaled up by a whole number where its longer side has less than 512 pixels, so that texts can be
    read, and stretched where the image's pixels are not square.

    Raises:
        NoPixels: as :func:`~desktop.dicom.pixels.format.make_format`.
        LookupError, OSError, NegatoscopeError: what ``read_bulk`` raises.
    """
    unapplied = list(presentation.unapplied)
    if presentation.references and not presentation.covers(reference):
        unapplied.append("It does not refer to this image.")
    area = presentation.area_of(reference)
    aspect = find_aspect(image, reference.frame)
    if area is not None and area.aspect is not None:
        aspect = area.aspect
    picture, said = make_levels(presentation, reference, stored, image, read_bulk)
    unapplied += said
    picture = _close_shutter(presentation, picture, aspect, unapplied)
    rows, columns = stored.shape[:2]
    view, honoured = make_view(rows, columns, area, presentation.rotation, flip=presentation.flip, aspect=aspect)
    if not honoured:
        unapplied.append("A displayed area makes no sense for this image: all of it is shown.")
    elif area is not None:
        unapplied += _size_not_applied(area)
    overlays = [*presentation.planes]
    if presentation.activations:
        overlays += [*_of_image(image, reference.frame, read_bulk, unapplied), *embedded]
    drawn = _draw(presentation, reference, view.cut(picture), view, overlays, image, unapplied)
    return Presented(drawn, view, tuple(dict.fromkeys(unapplied)))


def _close_shutter(presentation: Presentation, picture: np.ndarray, aspect: float, unapplied: list[str]) -> np.ndarray:
    shutter = presentation.shutter
    if shutter is None:
        return picture
    rows, columns = picture.shape[:2]
    hidden = shutter_mask(shutter, rows, columns, aspect)
    if shutter.overlay_group is not None:
        planes = [plane for plane in presentation.planes if plane.group == shutter.overlay_group]
        if planes and planes[0].bits.shape == (rows, columns):
            hidden |= planes[0].bits
        else:
            unapplied.append("A bitmap shutter is not applied: its overlay is missing, or not as large as the image.")
    closed = picture.copy()
    fill = shutter.fill(in_colours=picture.ndim == 3)
    closed[hidden] = fill if picture.ndim == 3 else fill[0]
    return closed


def _size_not_applied(area: Area) -> list[str]:
    if area.mode in ("TRUE SIZE", "MAGNIFY"):
        return [f"It asks for a size on the screen ({area.mode}), which is not applied."]
    return []


def _of_image(image: Item, frame: int, read_bulk: ReadBulk, unapplied: list[str]) -> tuple[Overlay, ...]:
    planes, notes = read_overlays(image, frame, read_bulk)
    unapplied += notes
    return planes


def _draw(
    presentation: Presentation,
    reference: Reference,
    picture: np.ndarray,
    view: View,
    overlays: Sequence[Overlay],
    image: Item,
    unapplied: list[str],
) -> np.ndarray:
    """Return a turned picture with the overlays, graphics and texts of all layers drawn over it."""
    from PIL import Image

    rows, columns = image.integer("Rows") or 1, image.integer("Columns") or 1
    canvas = Canvas(Image.fromarray(picture).convert("RGB"), view, _matrix_offset(image, reference.frame))
    to_fill = max(1, _MOST_FILLED // (canvas.image.width * canvas.image.height))
    for layer in _layers(presentation):
        for group, name in presentation.activations:
            if name != layer.name or (presentation.shutter is not None and group == presentation.shutter.overlay_group):
                continue
            plane = next((plane for plane in overlays if plane.group == group), None)
            if plane is None:
                unapplied.append(f"The overlay of group {group:04X} is not there.")
            else:
                mask = view.cut(overlay_mask(plane, rows, columns).astype(np.uint8) * 255)
                canvas.image.paste(layer.colour, mask=Image.fromarray(mask))
        for annotation in presentation.annotations:
            if annotation.layer != layer.name or not annotation.scope.covers(reference):
                continue
            for graphic in annotation.graphics:
                to_fill -= graphic.filled
                unapplied += _said(draw_graphic(canvas, _unfilled(graphic, to_fill, unapplied), layer.colour))
            for text in annotation.texts:
                unapplied += _said(draw_text(canvas, text, layer.colour))
    drawn = np.asarray(canvas.image)
    is_grey = (
        picture.ndim == 2 and (drawn[:, :, 0] == drawn[:, :, 1]).all() and (drawn[:, :, 0] == drawn[:, :, 2]).all()
    )
    return drawn[:, :, 0] if is_grey else drawn


def _unfilled(graphic: Graphic, to_fill: int, unapplied: list[str]) -> Graphic:
    if not graphic.filled or to_fill >= 0:
        return graphic
    unapplied.append("There are too many filled graphics: of some only the outline is drawn.")
    return replace(graphic, filled=False)


def _said(sentence: str | None) -> list[str]:
    return [] if sentence is None else [sentence]


def _layers(presentation: Presentation) -> list[Layer]:
    """Return all layers from below; those that something refers to but that are not listed lie on top."""
    known = {layer.name for layer in presentation.layers}
    named = [annotation.layer for annotation in presentation.annotations]
    named += [layer for _, layer in presentation.activations]
    missing = dict.fromkeys(name for name in named if name not in known)
    return [*presentation.layers, *(replace(_NO_LAYER, name=name) for name in missing)]


def _matrix_offset(image: Item, frame: int) -> tuple[float, float]:
    """Return the columns and rows of the total pixel matrix before a tile (PS3.3 §C.8.12.4.1.1); 0 if it is none."""
    position = find_group(image, frame, "PlanePositionSlideSequence")
    if position is not None:
        column = position.integer("ColumnPositionInTotalImagePixelMatrix")
        row = position.integer("RowPositionInTotalImagePixelMatrix")
        return (column or 1) - 1, (row or 1) - 1
    columns, rows = image.integer("Columns") or 1, image.integer("Rows") or 1
    total_columns, total_rows = (image.integer(f"TotalPixelMatrix{side}") or 0 for side in ("Columns", "Rows"))
    if image.text("DimensionOrganizationType") != "TILED_FULL" or total_columns <= 0 or total_rows <= 0:
        return 0.0, 0.0
    across, down = -(-total_columns // columns), -(-total_rows // rows)
    tile = (frame - 1) % (across * down)
    return float(tile % across * columns), float(tile // across * rows)
