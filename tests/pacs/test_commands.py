"""Commands and answers; pynetdicom and pydicom are the judges."""

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pacs.peers import CT, VERIFICATION, command, store_command
from pydicom import dcmread
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode

from desktop.pacs.commands import Request, Status, encode_response, parse_request
from desktop.pacs.part10 import make_head


def test_what_pynetdicom_asks_is_understood() -> None:
    primitive = C_STORE()
    primitive.MessageID = 65535
    primitive.AffectedSOPClassUID = CT
    primitive.AffectedSOPInstanceUID = "1.2.3"
    primitive.Priority = 2
    primitive.MoveOriginatorApplicationEntityTitle = "MOVER"
    primitive.MoveOriginatorMessageID = 9
    primitive.DataSet = BytesIO(b"x")
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    first = next(message.encode_msg(1, 100_000)).presentation_data_value_list[0][1]
    assert parse_request(first[1:]) == Request(1, 65535, CT, "1.2.3", True)


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "", "../../x"])
@pytest.mark.parametrize("comment", ["", "Disk is full", "Odd"])
def test_what_is_answered_is_read(uid: str, comment: str) -> None:
    request = Request(1, 7, CT, uid, True)
    raw = encode_response(request, Status.OUT_OF_RESOURCES, comment)
    judge = decode(BytesIO(raw), True, True)
    assert (judge.CommandField, judge.MessageIDBeingRespondedTo, judge.CommandDataSetType) == (0x8001, 7, 0x101)
    assert (judge.Status, judge.AffectedSOPClassUID) == (0xA700, CT)
    assert judge.get("ErrorComment", "") == comment
    assert judge.get("AffectedSOPInstanceUID", "") == (uid if uid.startswith("1") else "")
    assert judge.CommandGroupLength == len(raw) - 12
    assert [element.tag for element in judge] == sorted(element.tag for element in judge)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        command(field=0x30, data=0x101),
        command(message_id=1, data=0x101),
        command(field=0x30, message_id=1),
        command(field=0x8001, message_id=1, data=0x101),
        store_command()[:-1],
        store_command() + struct.pack("<HHI", 8, 0x18, 0),
        store_command() + struct.pack("<HHI", 0, 0x1030, 0xFFFFFFFF),
        struct.pack("<HHII", 0, 0x100, 4, 1) + store_command(field=None),
    ],
)
def test_what_is_no_request_is_none(data: bytes) -> None:
    assert parse_request(data) is None


def test_a_cancellation_has_no_number() -> None:
    assert parse_request(command(field=0xFFF, data=0x101)) == Request(0xFFF, 0)


@given(st.binary(max_size=200), st.integers(0, 120), st.binary(max_size=8))
def test_any_bytes_are_read_or_refused(data: bytes, at: int, change: bytes) -> None:
    whole = store_command()
    for one in (data, whole[:at] + change + whole[at + len(change) :]):
        request = parse_request(one)
        if request is not None:
            encode_response(request, Status.SUCCESS)


@pytest.mark.parametrize("instance", ["1.2.3", "1.2.34"])
def test_the_head_of_a_file_is_read_by_pydicom(instance: str) -> None:
    raw = make_head(VERIFICATION, instance, "1.2.840.10008.1.2.1")
    meta = dcmread(BytesIO(raw)).file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (VERIFICATION, instance)
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert meta.FileMetaInformationGroupLength == len(raw) - 144
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.ImplementationVersionName == "NEGATOSCOPE"
