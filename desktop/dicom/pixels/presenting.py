"""Applies a presentation state to a frame (PS3.4 §N.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..items import Item, ReadBulk
from .drawing import Canvas, draw_graphic, draw_text
from .format import PixelFormat, make_format
from .groups import find_group
from .look import Look, find_aspect, find_padding, make_look
from .luts import Lut, Modality, Voi
from .marks import Graphic, Layer
from .overlays import Overlay, overlay_mask, read_overlays
from .presentation import Kind, Presentation
from .references import Reference
from .render import find_own_voi, map_values, render, render_grey
from .shutters import shutter_mask
from .views import Area, View, make_view
from .windows import sample, window_between

_LEAST_SHOWN = 0.1
"""Part of the range that must be used for a picture without a window to be worth looking at."""

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
    picture = _picture(presentation, reference, stored, image, read_bulk, unapplied)
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


def _picture(
    presentation: Presentation,
    reference: Reference,
    stored: np.ndarray,
    image: Item,
    read_bulk: ReadBulk,
    unapplied: list[str],
) -> np.ndarray:
    """Return the image's pixels as they are shown, before anything is drawn or turned."""
    if stored.ndim == 3 or presentation.kind is Kind.COLOR:
        if presentation.kind is not Kind.COLOR:
            unapplied.append("It is for grey images: its window is not applied to this one, which has colours.")
        return render(stored, make_look(image, reference.frame, read_bulk))
    pixel_format = make_format(image, "")
    # Photometric Interpretation and the image's own transformations do not count (PS3.4 §N.2.1.4).
    look = Look(
        pixel_format=pixel_format,
        modality=_for_signed(presentation.modality_of(reference), signed=pixel_format.is_signed),
        presentation=presentation.presentation_lut,
        padding=find_padding(image, pixel_format),
    )
    voi = presentation.voi_of(reference)
    if isinstance(voi, Lut) and look.modality.lut is None:
        negative = pixel_format.is_signed or look.modality.intercept < 0
        voi = _lut_for_signed(voi, signed=negative)
    if voi is None:
        voi = _identity_voi(stored, look, unapplied)
    if presentation.palette is None:
        return render_grey(stored, look, voi)
    palette, shown = presentation.palette, voi
    last = len(palette.colours) - 1
    return map_values(
        stored,
        # All of the range of the window is spread over the palette.
        lambda values: palette.colours[
            np.floor(np.nan_to_num(shown.fraction(look.modality.apply(values))) * last + 0.5).astype(np.intp)
        ],
        3,
    )


def _for_signed(modality: Modality, *, signed: bool) -> Modality:
    return modality if modality.lut is None else Modality(lut=_lut_for_signed(modality.lut, signed=signed))


def _lut_for_signed(lut: Lut, *, signed: bool) -> Lut:
    """Return a table whose first value may be negative: the state does not know whether the image has negative ones."""
    return replace(lut, first=lut.first - 0x10000) if signed and lut.first >= 0x8000 else lut


def _identity_voi(stored: np.ndarray, look: Look, unapplied: list[str]) -> Voi:
    """Return a window over all values that there can be, as the standard has it where a state has none.

    Of images that use little of that range nothing could be seen, so these are shown by what is in them.
    """
    low, high = _range(look.pixel_format, look.modality)
    values = look.modality.apply(sample(stored))
    values = values[np.isfinite(values)]
    shown = np.percentile(values, (1, 99)) if values.size else np.array([low, high])
    if low < high and shown[1] - shown[0] >= _LEAST_SHOWN * (high - low):
        return window_between(low, high)
    unapplied.append("It holds no window for this image; one was chosen by what is in the image.")
    return find_own_voi(stored, look)


def _range(pixel_format: PixelFormat, modality: Modality) -> tuple[float, float]:
    if modality.lut is not None:
        return 0.0, float(modality.lut.largest)
    if pixel_format.is_float:
        return 0.0, 0.0
    bits = pixel_format.BitsStored
    ends = (-(1 << bits - 1), (1 << bits - 1) - 1) if pixel_format.is_signed else (0, (1 << bits) - 1)
    low, high = sorted(end * modality.slope + modality.intercept for end in ends)
    return low, high


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
            if name != layer.name:
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
