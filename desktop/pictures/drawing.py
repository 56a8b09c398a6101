"""What worker processes draw: codecs crash over damaged files at times, and must not take the program along.

Each function is given instances of the library and returns bytes.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..dicom.items import Item
from ..dicom.keyring import keep_keys
from ..dicom.pixels.decoding import decode_containers, decode_frame
from ..dicom.pixels.encode import encode_gif, encode_jpeg, encode_png, make_thumbnail
from ..dicom.pixels.format import NoPixels, PixelFormat, make_format
from ..dicom.pixels.look import make_look
from ..dicom.pixels.overlays import embedded_overlays
from ..dicom.pixels.plain import keeps_unused, make_plain
from ..dicom.pixels.presentation import make_presentation
from ..dicom.pixels.presenting import apply
from ..dicom.pixels.references import Reference
from ..dicom.pixels.render import render
from ..dicom.recent import Recent
from ..dicom.uids import VIDEO_SYNTAXES
from .captions import fit
from .filming import FRAME_RATE, silence_opencv
from .films import frame_rate
from .frames import FrameReader
from .rendering import GIF, PNG, Rendering
from .stored import Stored, extract_stream

Keys = Mapping[str, bytes]
"""Passwords of archives."""

_FILM_BYTES = 1 << 25
"""Of a film, that are looked at for one of its pictures."""

_QUALITY = 85

_ANIMATED_FRAMES, _ANIMATED_BITS, _ANIMATED_PIXELS = 1_000, 1 << 32, 1 << 28
"""Of an animated GIF at most: its frames, and the bits of all of them as they are stored."""

_reader = FrameReader()
_items: Recent[Item] = Recent(4, lambda _: 1)
"""Of this worker."""


def draw_thumbnail(stored: Stored, number: int, size: int, keys: Keys) -> bytes:
    """Return a frame as a small JPEG; of a film its first picture.

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: it cannot be drawn.
    """
    keep_keys(keys)
    if stored.pixels.TransferSyntaxUID in VIDEO_SYNTAXES:
        return encode_jpeg(make_thumbnail(_first_picture(stored), size=size), _QUALITY)
    item = _load(stored)
    data, pixel_format = _read(stored, item, number)
    look = make_look(item, number, stored.read_bulk)
    picture = render(decode_frame(data, pixel_format), look)
    return encode_jpeg(make_thumbnail(picture, look.aspect, size), _QUALITY)


def draw_rendered(stored: Stored, number: int, rendering: Rendering, keys: Keys) -> bytes:
    """Return a frame as a picture; of a film its first one.

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: as :func:`draw_thumbnail`.
    """
    keep_keys(keys)
    picture = _render(stored, number, rendering)
    if rendering.media_type == PNG:
        return encode_png(picture)
    if rendering.media_type == GIF:
        return encode_gif([picture])
    return encode_jpeg(picture, rendering.quality)


def draw_animation(stored: Stored, rendering: Rendering, keys: Keys) -> bytes:
    """Return all frames of an image as one GIF, at the speed at which they were taken.

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: as :func:`draw_thumbnail`; also if they are too many.
    """
    keep_keys(keys)
    frames = stored.pixels.frames
    if frames > _ANIMATED_FRAMES or frames * stored.pixels.frame_bits > _ANIMATED_BITS:
        raise NoPixels(f"Its {frames:,} frames are too many for one animated GIF. Ask for frames by their numbers.")
    if frames * (rendering.viewport.width or 0) * (rendering.viewport.height or 0) > _ANIMATED_PIXELS:
        raise NoPixels("Its frames are too many for so large a picture that moves. Ask for a smaller one.")
    pictures = [_render(stored, number, rendering) for number in range(1, frames + 1)]
    return encode_gif(pictures, 1 / (frame_rate(_load(stored)) or FRAME_RATE))


def _render(stored: Stored, number: int, rendering: Rendering) -> np.ndarray:
    if stored.pixels.TransferSyntaxUID in VIDEO_SYNTAXES:
        picture, aspect = _first_picture(stored), 1.0
    else:
        item = _load(stored)
        data, pixel_format = _read(stored, item, number)
        look = make_look(item, number, stored.read_bulk)
        if rendering.window is not None:
            look = replace(look, voi=rendering.window)
        picture, aspect = render(decode_frame(data, pixel_format), look), look.aspect
    if not rendering.viewport.fits(*picture.shape[:2]):
        raise NoPixels("It has no such region.")
    return rendering.viewport.apply(picture, aspect)


def decode_for_viewer(stored: Stored, numbers: Sequence[int], keys: Keys) -> list[bytes]:
    """Return frames decoded as :func:`~desktop.dicom.aids.find_aid` says that the viewer is sent them.

    Numbers are in little endian; integers of 32 bits and floats of 64 become floats of 32 bits. Colours and indices
    into palettes become red, green and blue of 8 bits, pixel by pixel.

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: as :func:`draw_thumbnail`.
    """
    keep_keys(keys)
    item = _load(stored)
    return [_to_viewer(stored, item, *_read(stored, item, number), number) for number in numbers]


def decode_plain(stored: Stored, numbers: Sequence[int], keys: Keys) -> list[bytes]:
    """Return frames decoded, each with its exact values (:func:`~desktop.dicom.pixels.plain.make_plain`).

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: as :func:`draw_thumbnail`.
    """
    keep_keys(keys)
    item = _load(stored)
    frames = [_read(stored, item, number) for number in numbers]
    return [make_plain(data, form, keeps_unused=keeps_unused(item, form)) for data, form in frames]


def present(state: Stored, image: Stored, reference: Reference, side: int, keys: Keys) -> bytes:
    """Return a frame as a presentation state shows it: RGB, in the middle of a square.

    What of the state cannot be seen in it is said below the picture.

    Args:
        state: the presentation state.
        image: that it refers to.
        reference: the frame, as the state names it.
        side: of the square, in pixels.

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: as :func:`draw_thumbnail`.
    """
    picture = _present(state, image, reference, side, keys)
    return picture.tobytes()


def draw_presented(state: Stored, image: Stored, reference: Reference, side: int, size: int, keys: Keys) -> bytes:
    """Return as a small JPEG what :func:`present` returns.

    Raises:
        NoFrame, NoPixels, NegatoscopeError, OSError: as :func:`draw_thumbnail`.
    """
    return encode_jpeg(make_thumbnail(_present(state, image, reference, side, keys), size=size), _QUALITY)


def _present(state: Stored, image: Stored, reference: Reference, side: int, keys: Keys) -> np.ndarray:
    keep_keys(keys)
    item = _load(image)
    data, pixel_format = _read(image, item, reference.frame)
    array = decode_frame(data, pixel_format)
    embedded = embedded_overlays(item, decode_containers(data, pixel_format), pixel_format)
    presentation = make_presentation(_load(state), state.read_bulk)
    shown = apply(presentation, reference, array, item, image.read_bulk, embedded)
    return fit(shown.picture, side, shown.unapplied)


def _load(stored: Stored) -> Item:
    """The frames of an image share one data set, which can be large."""
    return _items.get((stored.file, stored.instance.SOPInstanceUID, stored.packed), stored.load)


def _read(stored: Stored, item: Item, number: int) -> tuple[bytes, PixelFormat]:
    (frame,) = _reader.read(stored.located, [number])
    return frame.data, make_format(item, frame.TransferSyntaxUID)


def _to_viewer(stored: Stored, item: Item, data: bytes, pixel_format: PixelFormat, number: int) -> bytes:
    array = decode_frame(data, pixel_format)
    if pixel_format.PhotometricInterpretation == "PALETTE COLOR":
        array = render(array, make_look(item, number, stored.read_bulk))
        if array.ndim == 2:
            # Its palette is missing: it is grey.
            array = np.repeat(array[:, :, None], 3, axis=2)
    elif array.ndim == 3 and array.dtype.itemsize > 1:
        # Colours of more than 8 bits lose their lowest ones: a screen has no more.
        array = np.clip(array >> max(pixel_format.BitsStored - 8, 0), 0, 255).astype(np.uint8)
    elif array.dtype.itemsize > 2:
        array = array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _first_picture(stored: Stored) -> np.ndarray:
    silence_opencv()
    import cv2

    with tempfile.TemporaryDirectory(prefix="negatoscope-") as folder:
        part = Path(folder) / "film"
        extract_stream(stored, part, _FILM_BYTES)
        film = cv2.VideoCapture(str(part), cv2.CAP_FFMPEG)
        try:
            there, picture = film.read()
        finally:
            film.release()
    if not there:
        raise NoPixels("The film's compression is damaged, or of an unknown kind.")
    return np.asarray(picture)[:, :, ::-1]
