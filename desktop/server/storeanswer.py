"""The answer to StoreInstances: which instances are stored, where they are, and which are not (PS3.18 §10.5.3)."""

import json
from collections.abc import Sequence
from typing import Any

from ..dicom.nativemodel import to_native_model
from .answers import DICOM_JSON, Headers
from .endpoints import Answer
from .multipart import read_accept
from .nativexml import DICOM_XML
from .storing import COERCED, OUT_OF_RESOURCES, Stored

_FORMS = (DICOM_JSON.decode(), DICOM_XML, "*/*", "application/*")
_IDENTITY = ("0020000D", "0020000E", "00080018")


def make_store_answer(stored: Sequence[Stored], origin: str, accept: str = "") -> Answer:
    """Return the answer, in XML if the client would rather have that, else in JSON.

    Args:
        stored: what became of each file, in the order in which they came; at least one.
        origin: of this server's addresses.
        accept: the Accept header.
    """
    dataset = make_dataset(stored, origin)
    wanted = [item.media_type for item in read_accept(accept) if item.media_type in _FORMS]
    if wanted and wanted[0] == DICOM_XML:
        content_type, body = DICOM_XML.encode(), to_native_model(dataset)
    else:
        content_type, body = DICOM_JSON, json.dumps(dataset).encode()
    said = dict.fromkeys(item.sentence for item in stored if item.sentence)
    warnings: Headers = [(b"warning", f'299 negatoscope "{_quotable(text)}"'.encode()) for text in list(said)[:_SAID]]
    return Answer(choose_status(stored), content_type, body, warnings)


def choose_status(stored: Sequence[Stored]) -> int:
    """Return the status (PS3.18 Table 10.5.3-1): whether all, some or none are stored as they are."""
    failed = [item for item in stored if item.place is None]
    if len(failed) == len(stored):
        return 507 if all(item.reason == OUT_OF_RESOURCES for item in failed) else 409
    return 202 if failed or any(_warning(item) for item in stored) else 200


def make_dataset(stored: Sequence[Stored], origin: str) -> dict[str, Any]:
    """Return the Store Instances Response Module (PS3.18 Table 10.5.3.1-1) in the DICOM JSON Model."""
    kept = [_item(item, origin) for item in stored if item.place is not None]
    failed = [_item(item, origin) for item in stored if item.place is None and item.SOPInstanceUID]
    nameless = [_failure(item) for item in stored if item.place is None and not item.SOPInstanceUID]
    studies = {item.place[0] for item in stored if item.place is not None}
    dataset: dict[str, Any] = {}
    if len(studies) == 1:
        dataset["00081190"] = {"vr": "UR", "Value": [f"{origin}/dicom-web/studies/{studies.pop()}"]}
    # Failed SOP Sequence, Referenced SOP Sequence, Other Failures Sequence.
    for tag, items in (("00081198", failed), ("00081199", kept), ("0008119A", nameless)):
        if items:
            dataset[tag] = {"vr": "SQ", "Value": items}
    return dataset


def _item(item: Stored, origin: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "00081150": _value("UI", item.SOPClassUID),
        "00081155": _value("UI", item.SOPInstanceUID),
    }
    if item.place is None:
        return made | _failure(item)
    study, series, instance = item.place
    address = f"{origin}/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    made["00081190"] = _value("UR", address)
    if _warning(item):
        made["00081196"] = _value("US", _warning(item))
    if item.original:
        changed = {
            tag: _value("UI", uid)
            for tag, uid, served in zip(_IDENTITY, item.original, item.place, strict=True)
            if uid != served
        }
        # Modified Attributes Sequence within Original Attributes Sequence (PS3.3 §C.12.1): what was sent.
        made["04000561"] = {
            "vr": "SQ",
            "Value": [
                {
                    "04000550": {"vr": "SQ", "Value": [changed]},
                    "04000563": _value("LO", "Negatoscope"),
                    "04000565": _value("CS", "COERCE"),
                }
            ],
        }
    return made


def _warning(item: Stored) -> int:
    return item.warning or (COERCED if item.original else 0)


def _failure(item: Stored) -> dict[str, Any]:
    return {"00081197": _value("US", item.reason)}


def _value(vr: str, value: str | int) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]} if value != "" else {"vr": vr}


_SAID = 5
"""Sentences that stand in the headers of an answer."""


def _quotable(sentence: str) -> str:
    """Return a sentence as it may stand between quotes in a header."""
    return "".join(letter if " " <= letter <= "~" and letter not in '"\\' else "?" for letter in sentence)
