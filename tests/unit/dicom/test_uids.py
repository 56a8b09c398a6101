"""UIDs: which may stand in an address, and how the program makes its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid as judge

from desktop.dicom import uids


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", True),
        ("2.25.123456789012345678901234567890123456789", True),
        ("1", True),
        ("4300", True),
        ("1." + "9" * 62, True),
        # Against the standard, but met in the field, and of no harm in an address.
        ("1.02.3", True),
        ("1..2", True),
        ("1.2.", True),
        ("", False),
        ("1" * 65, False),
        ("1.2.x", False),
        ("1.2/3", False),
        ("1.2 3", False),
        ("1.2\n", False),
        ("1.2\\1.3", False),
        ("1.\N{ARABIC-INDIC DIGIT TWO}", False),
        # A browser takes these for steps between folders.
        (".", False),
        ("..", False),
        ("...", False),
    ],
)
def test_which_texts_may_stand_in_an_address(text: str, good: bool) -> None:
    assert uids.is_uid(text) is good


PARTS = st.lists(st.text(max_size=20), min_size=1, max_size=5)


@given(PARTS)
def test_made_uids_are_valid_and_stable(parts: list[str]) -> None:
    made = uids.make_uid(*parts)
    assert judge.UID(made).is_valid
    assert uids.is_uid(made)
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", made)
    assert uids.make_uid(*parts) == made


def test_made_uids_do_not_change_from_version_to_version() -> None:
    # Libraries hold them: another value would part a study in two.
    assert uids.make_uid("study", "", "P1", "Doe^Jane") == "2.25.78813234011475689322853695867307585905"


@given(PARTS, PARTS)
def test_different_parts_give_different_uids(one: list[str], other: list[str]) -> None:
    clean = [[part.replace("\0", "") for part in parts] for parts in (one, other)]
    assert (uids.make_uid(*clean[0]) == uids.make_uid(*clean[1])) == (clean[0] == clean[1])


def test_parts_are_kept_apart() -> None:
    assert uids.make_uid("ab", "c") != uids.make_uid("a", "bc")


def test_names_of_surrogates_can_be_used() -> None:
    assert uids.make_uid("\udcff")


@pytest.mark.parametrize("uid", sorted(uids.NATIVE_SYNTAXES | uids.BROWSER_SYNTAXES))
def test_transfer_syntaxes_are_what_pydicom_says(uid: str) -> None:
    known = judge.UID(uid)
    if uid in (uids.GE_PRIVATE_BIG_ENDIAN_PIXELS, uids.PAPYRUS_IMPLICIT_VR_LITTLE_ENDIAN):
        assert known.is_private or known.is_retired or not known.is_transfer_syntax
        return
    assert known.type == "Transfer Syntax"
    assert known.is_compressed is (uid not in uids.NATIVE_SYNTAXES) or uid == uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN


def test_what_belongs_to_no_patient_is_what_pydicom_says() -> None:
    names = {judge.UID(uid).name for uid in uids.NOT_OF_A_PATIENT}
    assert names == {
        "Hanging Protocol Storage",
        "Color Palette Storage",
        "Generic Implant Template Storage",
        "Implant Assembly Template Storage",
        "Implant Template Group Storage",
        "CT Defined Procedure Protocol Storage",
        "Protocol Approval Storage",
    }
    assert judge.UID(uids.MEDIA_STORAGE_DIRECTORY) == judge.MediaStorageDirectoryStorage
