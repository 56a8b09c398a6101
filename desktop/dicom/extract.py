"""Fills the records from a data set in the DICOM JSON Model."""

import re
from typing import Any

from . import uids
from .elements import UNDEFINED, Element
from .naturalize import JsonElement, Model
from .parsing import Parsed
from .records import MAX_FRAMES, Instance, Patient, Pixels, Series, Study, Traits, Vector
from .traits import make_traits
from .values import person_name_text

_SHARED_GROUPS, _FRAME_GROUPS, _DETECTORS = "52009229", "52009230", "00540022"
_PIXEL_MEASURES, _PLANE_ORIENTATION, _PLANE_POSITION = "00289110", "00209116", "00209113"
_CT_POSITION, _DOSE_OFFSETS = "00189326", "3004000C"
_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}
"""What pixels are written in, whatever the file says of Bits Allocated (PS3.3 §C.7.6.24, C.7.6.25)."""

_STORED_SAMPLES = {"YBR_FULL_422": 2, "YBR_PARTIAL_422": 2}
"""Samples for each pixel, where they are not Samples per Pixel: four for two pixels (PS3.3 §C.7.6.3.1.2)."""

_FRAME_BITS_LIMIT = 1 << 40
_REQUESTS = 100
"""Requests of one series that are kept."""

_LEADING_INTEGER = re.compile(r"\s*([+-]?\d+)", re.ASCII)
_DIGITS = 64
_INTEGERS = range(-(1 << 63), 1 << 63)
"""What a database column holds."""


def value_text(value: bytes) -> str:
    """Return an element's bytes as text without padding, for comparing and for UIDs."""
    return value.decode("latin-1").strip("\0 ")


def make_patient(model: Model) -> Patient:
    """Return the patient's identity."""
    return Patient(
        PatientID=_text(model, "00100020"),
        IssuerOfPatientID=_text(model, "00100021"),
        PatientName=_name(model, "00100010"),
        PatientBirthDate=_text(model, "00100030"),
        PatientSex=_text(model, "00100040"),
    )


def make_study(model: Model) -> Study:
    """Return what the file says of its study."""
    return Study(
        StudyInstanceUID=_text(model, "0020000D"),
        StudyDate=_text(model, "00080020"),
        StudyTime=_text(model, "00080030"),
        StudyDescription=_text(model, "00081030"),
        StudyID=_text(model, "00200010"),
        AccessionNumber=_text(model, "00080050"),
        ReferringPhysicianName=_name(model, "00080090"),
        PatientAge=_text(model, "00101010"),
    )


def make_series(model: Model) -> Series:
    """Return what the file says of its series."""
    return Series(
        SeriesInstanceUID=_text(model, "0020000E"),
        Modality=_text(model, "00080060"),
        SeriesNumber=_integer(model, "00200011"),
        SeriesDescription=_text(model, "0008103E"),
        SeriesDate=_text(model, "00080021"),
        SeriesTime=_text(model, "00080031"),
        BodyPartExamined=_text(model, "00180015"),
        ProtocolName=_text(model, "00181030"),
        Manufacturer=_text(model, "00080070"),
        TimezoneOffsetFromUTC=_text(model, "00080201"),
        PerformedProcedureStepStartDate=_text(model, "00400244"),
        PerformedProcedureStepStartTime=_text(model, "00400245"),
        RequestAttributesSequence=_requests(model),
    )


def _requests(model: Model) -> tuple[tuple[str, str], ...] | None:
    """Return the pairs of IDs by which a series was asked for; None if there are none."""
    items = [item for item in _values(model, "00400275")[:_REQUESTS] if isinstance(item, dict)]
    pairs = [(_text(item, "00400009"), _text(item, "00401001")) for item in items]
    return tuple(pair for pair in pairs if any(pair)) or None


def make_instance(model: Model, pixels: Pixels | None = None) -> Instance:
    """Return what display sets and searches need of this instance, and of its pixels if they are known."""
    frames = _integer(model, "00280008")
    shared, frame = _item(model, _SHARED_GROUPS), _item(model, _FRAME_GROUPS)
    detector = _item(model, _DETECTORS)
    planes = _has_dose_planes(model, frames)
    return Instance(
        SOPInstanceUID=_text(model, "00080018"),
        SOPClassUID=_text(model, "00080016"),
        StudyInstanceUID=_text(model, "0020000D"),
        SeriesInstanceUID=_text(model, "0020000E"),
        Modality=_text(model, "00080060"),
        InstanceNumber=_integer(model, "00200013"),
        NumberOfFrames=frames,
        Rows=_integer(model, "00280010"),
        Columns=_integer(model, "00280011"),
        SamplesPerPixel=_integer(model, "00280002"),
        BitsAllocated=_integer(model, "00280100"),
        PhotometricInterpretation=_text(model, "00280004"),
        ImageType=tuple(str(value or "") for value in _values(model, "00080008")),
        FrameOfReferenceUID=_text(model, "00200052"),
        FrameTime=_number(model, "00181063"),
        AcquisitionDateTime=_text(model, "0008002A"),
        ImagePositionPatient=_place(model, frames, "00200032", _PLANE_POSITION, 3),
        ImageOrientationPatient=_place(model, frames, "00200037", _PLANE_ORIENTATION, 6),
        has_pixel_measures=planes
        or _PIXEL_MEASURES in frame
        or _PIXEL_MEASURES in shared
        or (_has(model, "00280030") and bool(_number(model, "00180050") or _number(model, "00180088"))),
        has_orientation=planes
        or _PLANE_ORIENTATION in shared
        or _PLANE_ORIENTATION in frame
        or _has(model, "00200037")
        or _has(detector, "00200037"),
        has_position=planes
        or _PLANE_POSITION in frame
        or _CT_POSITION in frame
        or _has(model, "00200032")
        or _has(detector, "00200032"),
        time_points=_time_points(model, frames),
        traits=make_traits(model) + _traits_of_pixels(pixels),
        TransferSyntaxUID="" if pixels is None else pixels.TransferSyntaxUID,
        has_pixels=pixels is None or pixels.offset >= 0,
    )


def _place(model: Model, frames: int | None, tag: str, group: str, length: int) -> Vector | None:
    """Where an image lies: said by itself, or, of one frame, by a functional group (PS3.3 §C.7.6.16.2.3, .4)."""
    own = _vector(model, tag, length)
    if own is not None or (frames or 1) > 1:
        return own
    said = (_item(_item(model, groups), group) for groups in (_FRAME_GROUPS, _SHARED_GROUPS))
    return next((found for item in said if (found := _vector(item, tag, length)) is not None), None)


def _traits_of_pixels(pixels: Pixels | None) -> Traits:
    """What the pixels themselves tell, which the data set may contradict."""
    if pixels is None or pixels.offset < 0:
        return ()
    bits = FLOAT_BITS.get(pixels.keyword)
    return () if bits is None else (("FloatBits", float(bits)),)


def _has_dose_planes(model: Model, frames: int | None) -> bool:
    """Whether each frame of a dose grid has its place (PS3.3 §C.8.8.3.2)."""
    placed = _vector(model, "00200032", 3) is not None and _vector(model, "00200037", 6) is not None
    offsets = _values(model, _DOSE_OFFSETS)
    return (
        _text(model, "00080016") == uids.RT_DOSE
        and placed
        and (frames or 0) > 1
        and len(offsets) == frames
        and all(_finite(offset) is not None for offset in offsets)
    )


def make_pixels(model: Model, parsed: Parsed) -> Pixels:
    """Return where the pixels are. ``parsed`` is the file as it was read."""
    element = parsed.pixels
    if element is None:
        return Pixels(parsed.syntax)
    keyword = _KEYWORDS.get(element.tag, "PixelData")
    bits = FLOAT_BITS.get(keyword) or _integer(model, "00280100") or 0
    frame_bits = _frame_bits(model, bits)
    big_endian = parsed.syntax in (uids.EXPLICIT_VR_BIG_ENDIAN, uids.GE_PRIVATE_BIG_ENDIAN_PIXELS)
    # 8-bit pixels in big-endian OW are two to a word (PS3.5 §8.1.1).
    in_words = big_endian and element.vr == "OW"
    frames = _held_frames(_integer(model, "00280008") or 1, element, parsed.size, frame_bits)
    return Pixels(
        TransferSyntaxUID=parsed.syntax,
        offset=element.start,
        length=None if element.length == UNDEFINED else element.length,
        frames=frames,
        frame_bits=frame_bits,
        word_bits=max(16 if in_words else 8, bits),
        keyword=keyword,
        big_endian=big_endian,
        extended_offsets=_table(parsed, 0x7FE00001, frames),
        extended_lengths=_table(parsed, 0x7FE00002, frames),
    )


def _table(parsed: Parsed, tag: int, frames: int) -> bytes:
    """Return an Extended Offset Table; empty if it has not one value for each frame, and so says nothing."""
    table = parsed.value(tag)
    return table if len(table) == 8 * frames else b""


def _held_frames(said: int, element: Element, size: int, frame_bits: int) -> int:
    """Return the number of frames, but no more than the pixels can hold: a damaged number may be in the billions."""
    if element.length == UNDEFINED:
        # Each frame has an item of its own at least.
        held = (size - element.start) // 8
    else:
        held = -(-element.length * 8 // frame_bits) if frame_bits else 1
    return max(1, min(said, held, MAX_FRAMES))


def _frame_bits(model: Model, bits: int) -> int:
    samples = _integer(model, "00280002") or 1
    rows, columns = _integer(model, "00280010") or 0, _integer(model, "00280011") or 0
    samples = _STORED_SAMPLES.get(_text(model, "00280004"), samples)
    frame_bits = rows * columns * samples * bits
    return frame_bits if 0 < frame_bits < _FRAME_BITS_LIMIT else 0


def _values(model: Model, tag: str) -> list[Any]:
    return (model.get(tag) or {}).get("Value") or []


def _first(model: Model, tag: str) -> Any:
    values = _values(model, tag)
    return values[0] if values else None


def _text(model: Model, tag: str) -> str:
    value = _first(model, tag)
    return "" if value is None else str(value)


def _name(model: Model, tag: str) -> str:
    value = _first(model, tag)
    return person_name_text(value) if isinstance(value, dict) else str(value or "")


def _number(model: Model, tag: str) -> float | None:
    return _finite(_first(model, tag))


def _finite(value: Any) -> float | None:
    """As a float; None if it is no number, or larger than floats are: an integer may have thousands of digits."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _integer(model: Model, tag: str) -> int | None:
    """As JavaScript's parseInt does: the digits that a broken value begins with count. None if it is beyond 64 bits."""
    value = _first(model, tag)
    if isinstance(value, int | float):
        number = int(value)
    elif (match := _LEADING_INTEGER.match(str(value or "")[:_DIGITS])) is not None:
        number = int(match[1])
    else:
        return None
    return number if number in _INTEGERS else None


def _vector(model: Model, tag: str, length: int) -> Vector | None:
    values = _values(model, tag)
    numbers = tuple(number for value in values[:length] if (number := _finite(value)) is not None)
    return numbers if len(numbers) == len(values) == length else None


def _has(model: Model, tag: str) -> bool:
    return bool(_values(model, tag))


def _item(model: Model, tag: str) -> dict[str, JsonElement]:
    item = _first(model, tag)
    return item if isinstance(item, dict) else {}


def _time_points(model: Model, frames: int | None) -> int:
    slots = _values(model, "00540070")
    if not frames or frames < 2 or len(slots) != frames or not all(isinstance(slot, int) for slot in slots):
        return 0
    return len(set(slots))
