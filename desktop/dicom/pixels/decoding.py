"""One frame's bytes to the values that are stored in it."""

from collections.abc import Callable

import numpy as np

from .. import uids
from .codestream import Codestream, Kind, read_codestream
from .colours import ybr_to_rgb
from .format import NoPixels, PixelFormat
from .native import unpack_native
from .plugins import Unable, decode_by_gdcm, decode_by_openjpeg, decode_by_pillow
from .rle import decode_rle
from .stored import Containers, to_stored

_NATIVE = uids.NATIVE_SYNTAXES | {uids.DEFLATED_IMAGE_FRAME}
_JPEG_FAMILY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (*range(50, 94), *range(201, 204)))
"""Also retired ones: each frame says itself what it is."""

_COMPRESSED_LIMIT = 1 << 27
"""Bytes of the largest frame that is decompressed: on its way it stands in memory several times."""

_LARGE_FRAME, _MOST_SAVED = 1 << 25, 2_000
"""Above so many bytes, a frame must not have been made smaller by such a factor: it would be made to fill memory."""

_DEPTHS = {
    Kind.JPEG: (8, 12),
    Kind.JPEG_LOSSLESS: range(2, 17),
    Kind.JPEG_LS: range(2, 17),
    Kind.JPEG_2000: range(1, 33),
    Kind.HIGH_THROUGHPUT: range(1, 33),
}
"""Bits of a sample that there can be. Of others, GDCM ends the whole process."""

_Decoder = Callable[[bytes, Codestream], np.ndarray]
_DECODERS: dict[Kind, tuple[_Decoder, ...]] = {
    Kind.JPEG: (decode_by_gdcm, decode_by_pillow),
    Kind.JPEG_LOSSLESS: (decode_by_gdcm,),
    Kind.JPEG_LS: (decode_by_gdcm,),
    Kind.JPEG_2000: (decode_by_openjpeg, decode_by_gdcm),
    Kind.HIGH_THROUGHPUT: (decode_by_openjpeg,),
}
"""Each is asked only if the one before it is unable: one that finds a frame damaged is believed."""


def can_decode(syntax: str) -> bool:
    """Whether frames in a transfer syntax can be decoded, if they are what it says."""
    return syntax in _NATIVE or syntax == uids.RLE_LOSSLESS or syntax in _JPEG_FAMILY


def decode_frame(data: bytes, pixel_format: PixelFormat) -> np.ndarray:
    """Return the stored values of one frame.

    Args:
        data: the frame's bytes as :mod:`desktop.dicom.frames` cuts them: native ones in little endian, those of
            Deflated Image Frame Compression inflated, compressed ones with their fragments joined.
        pixel_format: how the image is written.

    Returns:
        (rows, columns), or (rows, columns, 3) in RGB: YBR is converted. Unsigned or signed integers, as Pixel
        Representation says, or floats. Indices into palettes are left as they are. The array may be read-only.

    Raises:
        NoPixels: the frame is damaged, or contradicts the data set, or nothing decodes it.
    """
    containers = decode_containers(data, pixel_format)
    array = to_stored(containers, pixel_format)
    if pixel_format.SamplesPerPixel == 1:
        return array
    bits = pixel_format.BitsStored if containers.codestream is None else containers.codestream.precision
    space = _colour_space(containers.codestream, pixel_format)
    if space == "RGB":
        return array
    if pixel_format.is_signed or bits > 16:
        raise NoPixels(f"Its colours of {bits} bits cannot be shown rightly.")
    return ybr_to_rgb(array, bits, partial=space == "YBR_PARTIAL")


def decode_containers(data: bytes, pixel_format: PixelFormat) -> Containers:
    """Return a frame with all bits as they are stored: those beyond Bits Stored may hold overlays.

    Raises:
        NoPixels: as :func:`decode_frame`.
    """
    syntax = pixel_format.TransferSyntaxUID
    if syntax in _NATIVE:
        _check_photometric(pixel_format)
        return Containers(unpack_native(data, pixel_format))
    if syntax in uids.VIDEO_SYNTAXES:
        raise NoPixels("Its frames are one video, and cannot be shown by themselves.")
    if pixel_format.is_float or pixel_format.BitsAllocated == 12:
        raise NoPixels("Its pixels are of a kind that is never compressed.")
    if pixel_format.pixels * pixel_format.SamplesPerPixel * pixel_format.bytes_allocated > _COMPRESSED_LIMIT:
        raise NoPixels("Its images are too large to be decompressed.")
    if syntax == uids.RLE_LOSSLESS:
        planes = decode_rle(data, pixel_format)
        return Containers(planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0))
    return _decompress(data, pixel_format)


def _decompress(data: bytes, pixel_format: PixelFormat) -> Containers:
    codestream = read_codestream(data)
    if codestream is None:
        if pixel_format.TransferSyntaxUID not in _JPEG_FAMILY:
            raise NoPixels(f"Its compression ({uids.uid_name(pixel_format.TransferSyntaxUID)}) cannot be read.")
        raise NoPixels("The frame's compressed data are damaged: they do not begin as they must.")
    # A frame that names another compression than the data set is decoded by what it is.
    _check(codestream, pixel_format, len(data))
    for decode in _DECODERS[codestream.kind]:
        try:
            return Containers(decode(data, codestream), codestream)
        except Unable:
            continue
    raise NoPixels(f"Its compression ({codestream.kind.value}) cannot be read.")


def _check(codestream: Codestream, pixel_format: PixelFormat, size: int) -> None:
    """Refuse a frame that is another image than the data set promises."""
    if (codestream.Rows, codestream.Columns) != (pixel_format.Rows, pixel_format.Columns):
        raise NoPixels(
            f"Its images are said to have {pixel_format.Rows} rows of {pixel_format.Columns} pixels, "
            f"but the frame has {codestream.Rows} of {codestream.Columns}."
        )
    if codestream.samples != pixel_format.SamplesPerPixel:
        raise NoPixels(
            f"Its pixels are said to have {pixel_format.SamplesPerPixel} samples, but the frame's have "
            f"{codestream.samples}."
        )
    if codestream.precision not in _DEPTHS[codestream.kind]:
        raise NoPixels(f"Its pixels of {codestream.precision} bits cannot be shown.")
    whole = pixel_format.pixels * codestream.samples * ((codestream.precision + 7) // 8)
    if whole > _COMPRESSED_LIMIT:
        raise NoPixels("Its images are too large to be decompressed.")
    if whole > _LARGE_FRAME and size < whole // _MOST_SAVED:
        raise NoPixels("The file holds hardly anything of this frame.")


def _check_photometric(pixel_format: PixelFormat) -> None:
    if pixel_format.PhotometricInterpretation == "YBR_PARTIAL_420":
        raise NoPixels("Its uncompressed YBR_PARTIAL_420 colours cannot be shown rightly.")


def _colour_space(codestream: Codestream | None, pixel_format: PixelFormat) -> str:
    """Return the space of decoded colours: RGB, YBR or YBR_PARTIAL.

    A JPEG frame that says so itself is believed: writers forget to change Photometric Interpretation.
    """
    photometric = pixel_format.PhotometricInterpretation
    # JPEG 2000 has undone its own transformations, and elsewhere they do not occur.
    if photometric in ("RGB", "YBR_ICT", "YBR_RCT"):
        said = "RGB"
    else:
        said = "YBR_PARTIAL" if photometric.startswith("YBR_PARTIAL") else "YBR"
    if codestream is None or codestream.kind in (Kind.JPEG_2000, Kind.HIGH_THROUGHPUT):
        return said
    return codestream.colours or said
