"""The dictionary against pydicom's, and that workers do without the rest of pydicom."""

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom import datadict
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom.uid import UID

from desktop.dicom.dictionary import keyword_of, private_vr_of, uid_name, vr_of

NEIGHBOURS = range(0x00080000, 0x00080100)
REPEATING = [int(mask.replace("x", digit), 16) for mask in RepeatersDictionary for digit in "0126E"]
PRIVATE = [(creator, tag) for creator, tags in private_dictionaries.items() for tag in tags]


def judge(ask: Callable[..., str], *of: object) -> str | None:
    try:
        return ask(*of)
    except KeyError:
        return None


@pytest.mark.parametrize("tags", [list(DicomDictionary), NEIGHBOURS, REPEATING], ids=["all", "neighbours", "repeating"])
def test_a_tag_has_the_vr_and_keyword_that_pydicom_gives_it(tags: list[int]) -> None:
    judged = [judge(datadict.dictionary_VR, tag) for tag in tags]
    assert any(judged)
    assert [vr_of(tag) for tag in tags] == judged
    assert [keyword_of(tag) for tag in tags] == [datadict.keyword_for_tag(tag) for tag in tags]


@pytest.mark.parametrize("tag", [0x00090010, 0x00080003, 0x7F010010, 0x60010010, 0x000800FF])
def test_a_tag_that_is_not_the_standards_has_none(tag: int) -> None:
    assert vr_of(tag) is None
    assert keyword_of(tag) == datadict.keyword_for_tag(tag) == ""


def test_a_private_tag_has_the_vr_that_pydicom_gives_it() -> None:
    tags = [(int(tag.replace("x", "1"), 16), creator) for creator, tag in PRIVATE]
    judged = [judge(datadict.private_dictionary_VR, *tag) for tag in tags]
    assert any(judged)
    assert [private_vr_of(*tag) for tag in tags] == judged


@pytest.mark.parametrize(("tag", "creator"), [(0x00291010, "NOBODY"), (0x002910FE, "SIEMENS CSA HEADER")])
def test_a_private_tag_that_nobody_knows_has_none(tag: int, creator: str) -> None:
    assert private_vr_of(tag, creator) is None


def test_a_uid_has_the_name_that_pydicom_gives_it() -> None:
    # pynetdicom adds to pydicom's dictionary where another test has loaded it; so it is read anew.
    known = runpy.run_path(str(Path(pydicom.__file__).with_name("_uid_dict.py")))["UID_dictionary"]
    uids = [*known, "1.2.3"]
    assert [uid_name(uid) for uid in uids] == [UID(uid).name for uid in uids]


def test_a_worker_starts_without_pydicom() -> None:
    script = "import desktop.importers.reading, sys; print('pydicom' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
