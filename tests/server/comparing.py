"""The same files in our library and in Orthanc's, and every place at which the two answer differently."""

import base64
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydicom import dcmread
from pydicom.dataset import Dataset
from server.asking import MANY_PARTS, Answer, Served, instance_path
from server.orthanc import Orthanc, Reply

Uids = tuple[str, str, str]
Element = dict[str, Any]

DICOM_FILES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
RETRIEVE_URL = "00081190"
_PIXELS = ("7FE00008", "7FE00009", "7FE00010")
_LIKE = 5
"""Files of one series and folder are alike if their sizes are, but for so many bits."""
_UID_TAGS = ("0020000D", "0020000E", "00080018")


@dataclass(frozen=True)
class Place:
    """One file that both have taken.

    Attributes:
        ours: the UIDs of study, series and instance under which it is served.
        theirs: those in the file, which Orthanc goes by.
    """

    path: Path
    ours: Uids
    theirs: Uids


@dataclass(frozen=True)
class Difference:
    """Something that the two say differently.

    Attributes:
        of: ``metadata``, ``studies``, ``series``, ``instances``, ``frames`` or ``file``.
        path: of the file.
        tag: of the attribute, with those of its sequences and the numbers of their items before it; empty for bytes.
        ours: None if it is not in our answer.
        theirs: likewise.
        ours_bytes: where the value is binary, or refers to a binary one.
    """

    of: str
    path: Path
    tag: str
    ours: Any
    theirs: Any
    ours_bytes: bytes | None = None
    theirs_bytes: bytes | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def vrs(self) -> tuple[str, str]:
        """The two VRs; empty where there is none."""
        return tuple(side.get("vr", "") if isinstance(side, dict) else "" for side in (self.ours, self.theirs))

    @property
    def values(self) -> tuple[list[Any], list[Any]]:
        """The two lists of values; empty where there is none."""
        return tuple(side.get("Value", []) if isinstance(side, dict) else [] for side in (self.ours, self.theirs))

    def __str__(self) -> str:
        shown = [str(side if data is None else data)[:160] for side, data in self._sides()]
        return f"{self.of} of {self.name} {self.tag}: {shown[0]}; Orthanc has {shown[1]}"

    def _sides(self) -> Iterator[tuple[Any, bytes | None]]:
        yield self.ours, self.ours_bytes
        yield self.theirs, self.theirs_bytes


@dataclass
class Comparison:
    """What was compared.

    Attributes:
        untaken: files of ours that Orthanc does not take, or does not find again.
        checked: how many answers or values of each kind were compared.
    """

    differences: list[Difference] = field(default_factory=list)
    untaken: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str) -> None:
        """Count something that was compared."""
        self.checked[kind] = self.checked.get(kind, 0) + 1


def send_to_orthanc(served: Served, orthanc: Orthanc) -> list[Place]:
    """Send Orthanc the files of our library; return those that it took anew.

    Of the slices of a stack, which are made alike, the first and the last are sent.
    """
    # What is in archives is no file.
    ours = {Path(path): uids for path, uids in served.places().items() if Path(path).is_file()}
    kinds: dict[object, list[Path]] = {}
    for path, (_, series, _) in sorted(ours.items()):
        kinds.setdefault((series, path.parent, path.stat().st_size >> _LIKE), []).append(path)
    chosen = [path for paths in kinds.values() for path in (paths[:1] + paths[1:][-1:])]
    told = orthanc.store([path.read_bytes() for path in chosen])
    taken = [
        path
        for path, said in zip(chosen, told, strict=True)
        if isinstance(said, Mapping) and said["Status"] == "Success"
    ]
    return [Place(path, ours[path], read_uids(path)) for path in taken]


@cache
def read_header(path: Path) -> Dataset:
    """Return what pydicom reads of a file before its pixels; it warns of much that is none of our business."""
    with warnings.catch_warnings(action="ignore"):
        return dcmread(path, force=True, stop_before_pixels=True)


def read_uids(path: Path) -> Uids:
    """Return the UIDs in a file."""
    header = read_header(path)
    with warnings.catch_warnings(action="ignore"):
        return str(header.StudyInstanceUID), str(header.SeriesInstanceUID), str(header.SOPInstanceUID)


def parts_of(answer: Answer | Reply) -> list[bytes]:
    """Return the bodies in a multipart answer of either."""
    content_type = answer.content_type if isinstance(answer, Reply) else answer.header("content-type") or ""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    assert boundary, content_type
    pieces = (b"\r\n" + answer.body).split(b"\r\n--" + boundary)
    assert pieces[-1].strip() == b"--", pieces[-1][:100]
    return [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:-1]]


class Comparer:
    """Compares; what it finds is in ``found``."""

    def __init__(self, served: Served, orthanc: Orthanc) -> None:
        self.found = Comparison()
        self._served = served
        self._orthanc = orthanc

    def compare(self, place: Place) -> None:
        """Compare what both answer for one file."""
        ours = self._served.ask(instance_path(place.ours) + "/metadata")
        theirs = self._orthanc.ask(instance_path(place.theirs) + "/metadata", Accept="application/dicom+json")
        if theirs.status != 200:
            self.found.untaken.append(place.path.name)
            return
        (mine,), (other,) = ours.json(), json.loads(theirs.body)
        self._compare_sets("metadata", place, mine, other)
        self.found.note("metadata")
        self._compare_file(place)
        if any(tag in other for tag in _PIXELS):
            self._compare_frames(place, int((mine.get("00280008", {}).get("Value") or [1])[0]))

    def compare_searches(self, places: Sequence[Place]) -> None:
        """Compare what both answer to searches, in the attributes that both have."""
        for depth, level in enumerate(("studies", "series", "instances"), 1):
            ours = _by_uids(self._served.json(f"/dicom-web/{level}"), depth)
            theirs = _by_uids(self._orthanc.json(f"/dicom-web/{level}"), depth)
            pairs = {(place.ours[:depth], place.theirs[:depth]): place for place in places}
            # What both do not hold to be the same thing cannot be compared.
            single = [pair for pair in pairs if sum(pair[0] == one[0] or pair[1] == one[1] for one in pairs) == 1]
            for mine, other in single:
                place = pairs[mine, other]
                if mine not in ours or other not in theirs:
                    self._add(level, place, "", mine in ours, other in theirs)
                    continue
                self.found.note(level)
                for tag in sorted(ours[mine].keys() & theirs[other].keys() - {RETRIEVE_URL}):
                    self._compare_elements(level, place, tag, ours[mine][tag], theirs[other][tag])

    def _compare_sets(self, of: str, place: Place, ours: Element, theirs: Element, within: str = "") -> None:
        for tag in sorted(ours.keys() | theirs.keys()):
            self._compare_elements(of, place, within + tag, ours.get(tag), theirs.get(tag))

    def _compare_elements(self, of: str, place: Place, tag: str, ours: Element | None, theirs: Element | None) -> None:
        if ours == theirs:
            return
        if ours is None or theirs is None or ("BulkDataURI" not in theirs and ours["vr"] != theirs["vr"]):
            self._add(of, place, tag, ours, theirs)
        elif ours["vr"] == "SQ" == theirs["vr"]:
            self._compare_sequences(of, place, tag, ours, theirs)
        elif "BulkDataURI" in theirs or "InlineBinary" in theirs:
            self._compare_binary(of, place, tag, ours, theirs)
        else:
            self._add(of, place, tag, ours, theirs)

    def _compare_sequences(self, of: str, place: Place, tag: str, ours: Element, theirs: Element) -> None:
        mine, other = ours.get("Value", []), theirs.get("Value", [])
        if len(mine) != len(other):
            self._add(of, place, tag, ours, theirs)
            return
        for number, (one, another) in enumerate(zip(mine, other, strict=True), 1):
            self._compare_sets(of, place, one, another, f"{tag}/{number}/")

    def _compare_binary(self, of: str, place: Place, tag: str, ours: Element, theirs: Element) -> None:
        mine = self._read(ours, lambda path: self._served.ask(path))
        other = self._read(theirs, lambda path: self._orthanc.ask(path, Accept="multipart/related"))
        self.found.note("binary values")
        if ours["vr"] != theirs["vr"] or mine != other:
            self.found.differences.append(Difference(of, place.path, tag, ours, theirs, mine, other))

    @staticmethod
    def _read(element: Element, ask: Callable[[str], Answer | Reply]) -> bytes | None:
        if "InlineBinary" in element:
            return base64.b64decode(element["InlineBinary"])
        if "BulkDataURI" not in element:
            return None if "Value" in element else b""
        answer = ask(urlsplit(element["BulkDataURI"]).path)
        assert answer.status == 200, (element, answer.body[:200])
        (part,) = parts_of(answer)
        return part

    def _compare_file(self, place: Place) -> None:
        (mine,) = parts_of(self._served.ask(instance_path(place.ours), DICOM_FILES))
        (other,) = parts_of(self._orthanc.ask(instance_path(place.theirs), Accept=DICOM_FILES))
        self.found.note("file")
        if mine != other:
            self.found.differences.append(Difference("file", place.path, "", None, None, mine, other))

    def _compare_frames(self, place: Place, count: int) -> None:
        for number in dict.fromkeys((1, (count + 1) // 2, count)):
            path = f"/frames/{number}"
            ours = self._served.ask(instance_path(place.ours) + path, MANY_PARTS)
            theirs = self._orthanc.ask(instance_path(place.theirs) + path, Accept=MANY_PARTS)
            if ours.status != 200 or theirs.status != 200:
                if ours.status != theirs.status:
                    self._add("frames", place, str(number), ours.status, theirs.status)
                continue
            (mine,), (other,) = parts_of(ours), parts_of(theirs)
            self.found.note("frames")
            if mine != other:
                self.found.differences.append(Difference("frames", place.path, str(number), None, None, mine, other))

    def _add(self, of: str, place: Place, tag: str, ours: Any, theirs: Any) -> None:
        self.found.differences.append(Difference(of, place.path, tag, ours, theirs))


def _by_uids(answers: Sequence[Element], depth: int) -> dict[tuple[str, ...], Element]:
    return {tuple(answer[tag]["Value"][0] for tag in _UID_TAGS[:depth]): answer for answer in answers}
