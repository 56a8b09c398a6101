"""At which level attributes stand."""

import pytest

from desktop.dicom import levels
from desktop.dicom.dictionary import tag_of
from desktop.dicom.levels import Level, level_of


@pytest.mark.parametrize(
    ("keyword", "level"),
    [
        ("PatientName", Level.PATIENT),
        ("OtherPatientIDsSequence", Level.PATIENT),
        ("StudyInstanceUID", Level.STUDY),
        ("PatientAge", Level.STUDY),
        ("ModalitiesInStudy", Level.STUDY),
        ("SeriesInstanceUID", Level.SERIES),
        ("Modality", Level.SERIES),
        ("StationName", Level.SERIES),
        ("RequestAttributesSequence", Level.SERIES),
        ("SOPInstanceUID", Level.INSTANCE),
        ("Rows", Level.INSTANCE),
        ("AcquisitionDateTime", Level.INSTANCE),
        ("00091001", Level.INSTANCE),
        ("00090010", Level.INSTANCE),
    ],
)
def test_level_of(keyword: str, level: Level) -> None:
    assert level_of(tag_of(keyword)) is level


def test_each_attribute_is_in_the_dictionary_and_stands_at_one_level() -> None:
    words = [word for text in (levels._PATIENT, levels._STUDY, levels._SERIES) for word in text.split()]
    assert [word for word in words if tag_of(word) == word] == []
    assert sorted(words) == sorted(set(words))
