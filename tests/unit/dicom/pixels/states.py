"""Makes presentation states for tests."""

from typing import Any

import numpy as np
from builders import make_image
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from unit.dicom.pixels.samples import item_of, no_bulk

from desktop.dicom.pixels.format import make_format
from desktop.dicom.pixels.presentation import Presentation, make_presentation
from desktop.dicom.pixels.presenting import Presented, apply
from desktop.dicom.pixels.references import Reference

IMAGE = "1.2.3.4"
GRAYSCALE, COLOR, PSEUDO_COLOR, BLENDING = (f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in (1, 2, 3, 4))


def made(**attributes: Any) -> Dataset:
    """Return an item."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def references(uid: str = IMAGE, *frames: int) -> list[Dataset]:
    """Return a Referenced Image Sequence."""
    image = made(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=uid)
    if frames:
        image.ReferencedFrameNumber = list(frames)
    return [image]


def state(**attributes: Any) -> Dataset:
    """Return a Grayscale state that shows one image from 0 to 255; ``attributes`` are set, or left out if None."""
    series = made(SeriesInstanceUID="1.2.3", ReferencedImageSequence=references())
    dataset = made(
        SOPClassUID=GRAYSCALE,
        SOPInstanceUID="1.2.9",
        Modality="PR",
        ContentLabel="TEST",
        ReferencedSeriesSequence=[series],
        SoftcopyVOILUTSequence=[window(128, 256)],
        PresentationLUTShape="IDENTITY",
    )
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def window(center: float, width: float, images: list[Dataset] | None = None, **more: Any) -> Dataset:
    """Return an item of Softcopy VOI LUT Sequence."""
    item = made(WindowCenter=center, WindowWidth=width, **more)
    if images is not None:
        item.ReferencedImageSequence = images
    return item


def graphic(kind: str, *data: float, units: str = "PIXEL", filled: str = "N", **more: Any) -> Dataset:
    """Return an item of Graphic Object Sequence."""
    return made(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data) // 2,
        GraphicData=list(data),
        GraphicType=kind,
        GraphicFilled=filled,
        **more,
    )


def compound(kind: str, *data: float, number: int = 1, **more: Any) -> Dataset:
    """Return an item of Compound Graphic Sequence."""
    return made(
        CompoundGraphicUnits="PIXEL",
        CompoundGraphicInstanceID=number,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data) // 2,
        GraphicData=list(data),
        CompoundGraphicType=kind,
        **more,
    )


def text(
    words: str,
    box: tuple[float, float, float, float] | None = None,
    anchor: tuple[float, float] | None = None,
    units: str = "PIXEL",
    **more: Any,
) -> Dataset:
    """Return an item of Text Object Sequence."""
    item = Dataset()
    item[0x00700006] = DataElement(0x00700006, "ST", words, validation_mode=config.IGNORE)
    if box is not None:
        item.BoundingBoxAnnotationUnits = units
        item.BoundingBoxTopLeftHandCorner, item.BoundingBoxBottomRightHandCorner = list(box[:2]), list(box[2:])
        item.BoundingBoxTextHorizontalJustification = "LEFT"
    if anchor is not None:
        item.AnchorPointAnnotationUnits = units
        item.AnchorPoint, item.AnchorPointVisibility = list(anchor), "Y"
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


def annotated(*objects: Dataset, layer: str = "ONE", images: list[Dataset] | None = None) -> Dataset:
    """Return an item of Graphic Annotation Sequence."""
    item = made(GraphicLayer=layer)
    if images is not None:
        item.ReferencedImageSequence = images
    for keyword, mark in (
        ("TextObjectSequence", "UnformattedTextValue"),
        ("GraphicObjectSequence", "GraphicType"),
        ("CompoundGraphicSequence", "CompoundGraphicType"),
    ):
        if found := [one for one in objects if mark in one]:
            setattr(item, keyword, found)
    return item


def layer(name: str = "ONE", order: int = 1, **more: Any) -> Dataset:
    """Return an item of Graphic Layer Sequence."""
    return made(GraphicLayer=name, GraphicLayerOrder=order, **more)


def area(left: int, top: int, right: int, bottom: int, **more: Any) -> Dataset:
    """Return an item of Displayed Area Selection Sequence."""
    return made(
        **{
            "DisplayedAreaTopLeftHandCorner": [left, top],
            "DisplayedAreaBottomRightHandCorner": [right, bottom],
            "PresentationSizeMode": "SCALE TO FIT",
            "PresentationPixelAspectRatio": [1, 1],
            **more,
        }
    )


def lut(*values: int, first: int = 0, bits: int = 8) -> Dataset:
    """Return an item of a sequence of look-up tables."""
    return made(LUTDescriptor=[len(values), first, bits], LUTData=np.array(values, "<u2").tobytes())


def presentation(**attributes: Any) -> Presentation:
    """Return a state as it is read."""
    return make_presentation(item_of(state(**attributes)), no_bulk)


def present(array: np.ndarray, *, frame: int = 1, image: dict[str, Any] | None = None, **attributes: Any) -> Presented:
    """Return an image of 8 bits, or of 16 with a sign, as a state shows it."""
    bits, signed = 8 * array.dtype.itemsize, array.dtype.kind == "i"
    rows, columns, *colours = array.shape
    made_image = make_image(
        **{
            "PixelData": b"",
            "SOPInstanceUID": IMAGE,
            "Rows": rows,
            "Columns": columns,
            "BitsAllocated": bits,
            "BitsStored": bits,
            "HighBit": bits - 1,
            "PixelRepresentation": int(signed),
            **({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"} if colours else {}),
            **(image or {}),
        }
    )
    item = item_of(made_image)
    assert make_format(item, "").dtype == array.dtype
    return apply(presentation(**attributes), Reference(IMAGE, frame), array, item, no_bulk)
