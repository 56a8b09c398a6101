"""Which studies are surely of one patient."""

from dataclasses import replace

import pytest

from desktop.dicom.records import Patient
from desktop.library.priors import is_surely_same

ONE = Patient("P1", "Clinic", "Doe^Jane", "19600102", "F")


@pytest.mark.parametrize(
    "other",
    [
        ONE,
        replace(ONE, PatientName="DOE^JANE^^"),
        replace(ONE, PatientName=""),
        replace(ONE, PatientName="", PatientBirthDate=""),
        replace(ONE, IssuerOfPatientID="", PatientBirthDate=""),
        replace(ONE, PatientSex=""),
    ],
)
def test_the_same(other: Patient) -> None:
    assert is_surely_same(ONE, other)
    assert is_surely_same(other, ONE)


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, PatientID="P2"),
        replace(ONE, PatientID=""),
        replace(ONE, IssuerOfPatientID="Elsewhere"),
        replace(ONE, PatientName="Roe^Jane"),
        replace(ONE, PatientBirthDate="19600103"),
        Patient("P1"),
        Patient("P1", PatientSex="F"),
    ],
)
def test_not_surely_the_same(other: Patient) -> None:
    assert not is_surely_same(ONE, other)
    assert not is_surely_same(other, ONE)


def test_nobody_is_no_patient() -> None:
    assert not is_surely_same(Patient(PatientName="Doe^Jane"), Patient(PatientName="Doe^Jane"))
