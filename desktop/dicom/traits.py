"""What tells the images of a series apart, and objects of one class: values that few modules ask for.

They are kept by name, so that a rule that asks for one more needs no new column.
"""

from collections.abc import Callable

from .items import Item
from .naturalize import Model
from .records import Trait, Traits
from .uids import PARAMETRIC_MAP

_VOLUME = 3.0
"""Images that are a volume at least."""

_GE_MODULUS = 100_000
"""GE adds 10^9 to its b-values; what five digits leave counts, as in OHIF."""

Find = Callable[[Item, str], Trait | None]
"""Given a data set and the tag by which a trait was met, returns its value; None if there is none."""


def make_traits(model: Model) -> Traits:
    """Return the traits of a data set, by name: of those tags that it has, the first one that says something."""
    found: dict[str, Trait] = {}
    for tag, name, find in _TRAITS:
        if tag in model and name not in found:
            value = find(Item(model), tag)
            if value is not None:
                found[name] = value
    return tuple(found.items())


def _number(item: Item, tag: str) -> Trait | None:
    return item.number(tag)


def _text(item: Item, tag: str) -> Trait | None:
    return "\\".join(item.texts(tag)).strip() or None


def _numbers(item: Item, tag: str) -> Trait | None:
    return tuple(item.numbers(tag)) or None


def _ge_b_value(item: Item, tag: str) -> Trait | None:
    number = item.number(tag)
    return None if number is None else number % _GE_MODULUS


def _direction_in_sequence(item: Item, tag: str) -> Trait | None:
    return tuple(item.item(tag).numbers("DiffusionGradientOrientation")) or None


def _concept(item: Item, tag: str) -> Trait | None:
    code = item.code(tag)
    return f"{code.value} {code.scheme}" if code.value else None


def _meaning(item: Item, tag: str) -> Trait | None:
    return item.code(tag).meaning or None


def _matrix(item: Item, tag: str) -> Trait | None:
    columns, rows = item.number(tag), item.number("TotalPixelMatrixRows")
    return (columns, rows) if columns and rows else None


def _optical_path(item: Item, tag: str) -> Trait | None:
    return item.item(tag).text("OpticalPathIdentifier") or None


def _signed(item: Item, tag: str) -> Trait | None:
    return 1.0 if item.number(tag) == 1 else None


def _wide_integers(item: Item, tag: str) -> Trait | None:
    """What OHIF takes for integers: floating point pixels have no Pixel Representation."""
    return 1.0 if "PixelRepresentation" in item and (item.number(tag) or 0) > 16 else None


def _shifted(item: Item, tag: str) -> Trait | None:
    stored = item.number("BitsStored")
    return 1.0 if stored and item.number(tag) != stored - 1 else None


def _overlay_in_pixels(item: Item, tag: str) -> Trait | None:
    return 1.0 if (item.number(tag) or 0) > 0 and f"{tag[:4]}3000" not in item else None


def _count(item: Item, tag: str) -> Trait | None:
    return float(len(item.items(tag))) or None


def _first_series(item: Item, tag: str) -> Trait | None:
    """The first one that is referred to: OHIF looks for no other."""
    return item.item(tag).text("SeriesInstanceUID") or None


def _contoured_series(item: Item, tag: str) -> Trait | None:
    """The first series that a structure set says its contours belong to; none if it says so of a part only."""
    studies = [frame.items("RTReferencedStudySequence") for frame in item.items(tag)]
    series = [study.items("RTReferencedSeriesSequence") for frame in studies for study in frame]
    named = [one for study in series for one in study]
    is_whole = all(studies) and all(series) and named and all(one.items("ContourImageSequence") for one in named)
    return (named[0].text("SeriesInstanceUID") or None) if is_whole else None


def _images_of_map(item: Item, tag: str) -> Trait | None:
    """OHIF lays a map over a volume alone, and draws nothing of it over less."""
    return _VOLUME if item.text(tag) == PARAMETRIC_MAP else None


def _images_of_contours(item: Item, tag: str) -> Trait | None:
    """The images that a structure set has contours in: of those that are not here, OHIF draws them over others."""
    studies = [study for frame in item.items(tag) for study in frame.items("RTReferencedStudySequence")]
    series = [one for study in studies for one in study.items("RTReferencedSeriesSequence")]
    images = [image for one in series for image in one.items("ContourImageSequence")]
    return " ".join(dict.fromkeys(image.text("ReferencedSOPInstanceUID") for image in images)).strip() or None


_TRAITS: tuple[tuple[str, str, Find], ...] = (
    ("00200100", "TemporalPositionIdentifier", _number),
    ("00189087", "DiffusionBValue", _number),
    ("00181060", "TriggerTime", _number),
    ("00180081", "EchoTime", _number),
    ("20011003", "20011003", _number),  # Philips: diffusion b-factor
    ("0019100C", "0019100c", _number),  # Siemens: b-value
    ("00431039", "00431039", _ge_b_value),  # GE: b-value and others; the first
    ("00541300", "FrameReferenceTime", _number),
    ("00180086", "EchoNumbers", _number),
    ("00180082", "InversionTime", _number),
    ("00181314", "FlipAngle", _number),
    ("00180080", "RepetitionTime", _number),
    ("00200012", "AcquisitionNumber", _number),
    ("00201041", "SliceLocation", _number),
    ("00180060", "KVP", _number),
    ("00209241", "NominalPercentageOfCardiacPhase", _number),
    ("00181210", "ConvolutionKernel", _text),
    ("00180010", "ContrastBolusAgent", _text),
    ("00089208", "ComplexImageComponent", _text),
    ("00189089", "DiffusionGradientOrientation", _numbers),
    ("00189076", "DiffusionGradientOrientation", _direction_in_sequence),
    ("0019100E", "DiffusionGradientOrientation", _numbers),  # Siemens
    ("00280103", "Signed", _signed),
    ("00280100", "WideIntegers", _wide_integers),
    ("00280102", "UnusedBits", _shifted),  # bits beside those of the value
    *((f"60{group:02X}0102", "UnusedBits", _overlay_in_pixels) for group in range(0, 32, 2)),
    ("0040A043", "ConceptName", _concept),
    ("30060002", "Label", _text),  # Structure Set Label
    ("300A0002", "Label", _text),  # RT Plan Label
    ("00420010", "Label", _text),  # Document Title
    ("00700081", "Label", _text),  # Content Description
    ("00700080", "Label", _text),  # Content Label
    ("0040A043", "Label", _meaning),
    ("00081115", "ReferencedSeries", _first_series),
    ("00080016", "NeededImages", _images_of_map),  # of Referenced Series, for it to lie over them
    ("30060010", "ReferencedSeries", _contoured_series),
    ("30060010", "NeededInstances", _images_of_contours),
    ("54000100", "MultiplexGroups", _count),
    ("00420012", "MIMETypeOfEncapsulatedDocument", _text),
    ("3004000A", "DoseSummationType", _text),
    ("00480006", "TotalPixelMatrix", _matrix),  # columns and rows
    ("00480105", "OpticalPath", _optical_path),
    ("00080019", "PyramidUID", _text),
    ("00209161", "ConcatenationUID", _text),
)
"""Tag, name and how the value is found; of several tags of one name the first that has a value counts."""
