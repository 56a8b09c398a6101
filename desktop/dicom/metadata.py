"""The forms in which data sets are stored: the DICOM JSON Model (PS3.18 Annex F), and OHIF's plain form."""

import json
import zlib
from typing import NamedTuple

from .naturalize import JsonElement, keyword_of, naturalize_element

METADATA_VERSION = 4
"""Grows when the stored JSON changes its form; the next import then reads known files again."""


class Fragment(NamedTuple):
    """One element as JSON, in both forms.

    Attributes:
        element: its value in the JSON Model.
        dicom: ``"00100020":{"vr":"LO","Value":["1CT1"]}``.
        plain: ``"PatientID":"1CT1"``; empty for an element that has no value.
    """

    element: JsonElement
    dicom: str
    plain: str


Fragments = dict[int, Fragment]


def make_fragment(tag: int, element: JsonElement) -> Fragment:
    """Write one element of the JSON Model in both forms."""
    name = f"{tag:08X}"
    plain = naturalize_element(name, element)
    return Fragment(
        element,
        f'"{name}":{_dump(element)}',
        "" if plain is None else f'"{keyword_of(name)}":{_dump(plain)}',
    )


def join_dicom(fragments: Fragments) -> str:
    """Return the data set in the DICOM JSON Model."""
    return "{" + ",".join([fragment.dicom for _, fragment in sorted(fragments.items())]) + "}"


def join_plain(fragments: Fragments) -> str:
    """Return the data set in OHIF's plain form.

    Keyword → value. One value stands alone, several are a list, sequences are always lists, names are strings with
    all component groups, what is empty is left out. Tags without a keyword are lower-case hexadecimal, as OHIF asks
    for them.
    """
    return "{" + ",".join([fragment.plain for fragment in fragments.values() if fragment.plain]) + "}"


def pack(text: str) -> bytes:
    """Return ``text`` in UTF-8, deflated."""
    return zlib.compress(text.encode("utf-8", "replace"), 1)


def unpack(piece: bytes) -> bytes:
    """Return the text that :func:`pack` was given, in UTF-8."""
    return zlib.decompress(piece)


def bulk_data_place(study_uid: str, series_uid: str, instance_uid: str) -> str:
    """Return the beginning of the URIs of an instance's bulk data, to which the element's place is added."""
    return f"/dicom-web/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}/bulkdata/"


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
