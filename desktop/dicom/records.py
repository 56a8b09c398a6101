"""What the rings above speak in: frozen records of patients, studies, series and instances.

A field that is a DICOM attribute has its keyword. Text is never None: an attribute that is absent is empty. Numbers
and vectors that are absent are None.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Vector = tuple[float, ...]

Trait = str | float | Vector
Traits = tuple[tuple[str, Trait], ...]
"""Name → value, as :mod:`desktop.dicom.traits` finds them."""

MAX_FRAMES = 100_000
"""Frames of one instance that are shown: a file of some kB can say that it has millions."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file as the walk met it.

    Attributes:
        path: absolute; within an archive as :mod:`desktop.dicom.archives` has it.
        size: bytes.
        mtime_ns: time of the last change, nanoseconds since 1970; within an archive that of the archive.
        medium: identity of the disc, stick or share that it lies on; empty for this computer.
    """

    path: str
    size: int
    mtime_ns: int
    medium: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file's copy in the library.

    Attributes:
        name: below the folder of copies.
        mtime_ns: of the copy.
    """

    name: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Patient:
    """Who was examined (PS3.3 §C.2.2, C.7.1.1)."""

    PatientID: str = ""
    IssuerOfPatientID: str = ""
    PatientName: str = ""
    PatientBirthDate: str = ""
    PatientSex: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """One study (PS3.3 §C.7.2.1)."""

    StudyInstanceUID: str
    StudyDate: str = ""
    StudyTime: str = ""
    StudyDescription: str = ""
    StudyID: str = ""
    AccessionNumber: str = ""
    ReferringPhysicianName: str = ""
    PatientAge: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One series (PS3.3 §C.7.3.1).

    Attributes:
        RequestAttributesSequence: Scheduled Procedure Step ID and Requested Procedure ID of each item; None if there
            are none.
    """

    SeriesInstanceUID: str
    Modality: str = ""
    SeriesNumber: int | None = None
    SeriesDescription: str = ""
    SeriesDate: str = ""
    SeriesTime: str = ""
    BodyPartExamined: str = ""
    ProtocolName: str = ""
    Manufacturer: str = ""
    TimezoneOffsetFromUTC: str = ""
    PerformedProcedureStepStartDate: str = ""
    PerformedProcedureStepStartTime: str = ""
    RequestAttributesSequence: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """What display sets and searches need of one instance.

    Attributes:
        ImagePositionPatient: mm, 3 numbers (PS3.3 §C.7.6.2.1.1).
        ImageOrientationPatient: 6 direction cosines.
        has_pixel_measures: a multi-frame image says its pixel spacing, shared or for the first frame.
        has_orientation: a multi-frame image says its orientation, likewise.
        has_position: a multi-frame image says its position, likewise.
        time_points: number of distinct values in Time Slot Vector, if it has one for each frame; else 0.
        traits: what tells it apart from others of its series or class.
        TransferSyntaxUID: of the file; found out by looking where the file does not say.
        has_pixels: the file holds pixels.
        context: whose it is; None for an instance that was read by itself.
    """

    SOPInstanceUID: str
    SOPClassUID: str = ""
    StudyInstanceUID: str = ""
    SeriesInstanceUID: str = ""
    Modality: str = ""
    InstanceNumber: int | None = None
    NumberOfFrames: int | None = None
    Rows: int | None = None
    Columns: int | None = None
    SamplesPerPixel: int | None = None
    BitsAllocated: int | None = None
    PhotometricInterpretation: str = ""
    ImageType: tuple[str, ...] = ()
    FrameOfReferenceUID: str = ""
    FrameTime: float | None = None
    AcquisitionDateTime: str = ""
    ImagePositionPatient: Vector | None = None
    ImageOrientationPatient: Vector | None = None
    has_pixel_measures: bool = False
    has_orientation: bool = False
    has_position: bool = False
    time_points: int = 0
    traits: Traits = ()
    TransferSyntaxUID: str = ""
    has_pixels: bool = True
    context: "SeriesContext | None" = field(default=None, repr=False, compare=False)

    @property
    def frames(self) -> int:
        """Number of frames, as the file says it: at least 1."""
        return max(1, self.NumberOfFrames or 1)

    @property
    def frames_held(self) -> int:
        """Number of frames that its file has room for: none without pixels, fewer than it says where it is cut."""
        held = self.number("HeldFrames")
        return 0 if not self.has_pixels else self.frames if held is None else int(held)

    def trait(self, name: str) -> Trait | None:
        """Return a trait; None if the instance has none of that name."""
        for known, value in self.traits:
            if known == name:
                return value
        return None

    def number(self, name: str) -> float | None:
        """Return a trait that is a number; None if there is none."""
        value = self.trait(name)
        return value if isinstance(value, float | int) else None


@dataclass(frozen=True, slots=True)
class SeriesContext:
    """The series and study that instances belong to.

    Attributes:
        find_metadata: given a SOP Instance UID of the series, returns that instance's data set in the DICOM JSON Model
            (PS3.18 Annex F); an empty one if there is none.
    """

    study: Study
    series: Series
    find_metadata: Callable[[str], Mapping[str, Any]] = field(default=lambda _: {}, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where an instance's pixels are, and how they are written.

    Attributes:
        TransferSyntaxUID: of the file; found out by looking where the file does not say.
        offset: of the first byte of the value of Pixel Data, Float Pixel Data or Double Float Pixel Data, in the
            file, or in the inflated data set of a deflated file; -1 if there are no pixels.
        length: bytes of the value; None if undefined (encapsulated).
        frame_bits: bits of one native frame.
        word_bits: the size of the words whose bytes change places if ``big_endian``.
        keyword: of the element that holds them: PixelData, FloatPixelData or DoubleFloatPixelData; empty in libraries
            of older programs, until the file is read again.
        big_endian: native pixels are in big-endian order.
        extended_offsets: the values of Extended Offset Table and its Lengths (PS3.3 §C.7.6.3), else empty.
    """

    TransferSyntaxUID: str
    offset: int = -1
    length: int | None = None
    frames: int = 1
    frame_bits: int = 0
    word_bits: int = 8
    keyword: str = "PixelData"
    big_endian: bool = False
    extended_offsets: bytes = b""
    extended_lengths: bytes = b""


@dataclass(frozen=True, slots=True)
class Header:
    """All that is kept of one file.

    Attributes:
        dicom_json: the data set in the DICOM JSON Model (PS3.18 Annex F), UTF-8, deflated by zlib.
        ohif_json: the same with keywords for tags and plain values, as OHIF's dicomjson source wants it; likewise.
        notes: what a reader ought to know, in sentences: "The pixels are cut short …".
        truncated: pixels are missing that ought to be there.
        doubtful_text: letters of names, numbers or descriptions that lists show may be wrong.
        copy: where the library's own copy is, if one was made.
        made_here: it was made by this program's viewer, of a study as it is served.
    """

    file: FileRef
    patient: Patient
    study: Study
    series: Series
    instance: Instance
    pixels: Pixels
    dicom_json: bytes = field(repr=False)
    ohif_json: bytes = field(repr=False)
    notes: tuple[str, ...] = ()
    truncated: bool = False
    doubtful_text: bool = False
    copy: Copy | None = None
    made_here: bool = False
