"""Who is let in, and what is spoken; pynetdicom is the judge of the bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pacs.peers import AET, CT, DICOM, EXPLICIT, IMPLICIT, VERIFICATION, associate_body, item, pdu, proposal
from pydicom.uid import JPEGBaseline8Bit, JPEGLosslessSV1
from pynetdicom import AllStoragePresentationContexts, QueryRetrievePresentationContexts
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ

from desktop.pacs.negotiation import (
    Proposal,
    Rejection,
    Result,
    choose_syntax,
    decide,
    encode_accept,
    encode_rejection,
    find_rejection,
    is_stored,
    parse_associate,
)
from desktop.pacs.wire import MAX_PDU, Broken

DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
MIME, SMPTE, PRIVATE = "1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.7.1", "1.2.3.4"


@pytest.mark.parametrize(
    ("syntaxes", "chosen"),
    [
        ([IMPLICIT], IMPLICIT),
        ([EXPLICIT, IMPLICIT], EXPLICIT),
        ([IMPLICIT, EXPLICIT], EXPLICIT),
        ([JPEGLosslessSV1, EXPLICIT], JPEGLosslessSV1),
        ([IMPLICIT, JPEGBaseline8Bit], IMPLICIT),
        ([BIG_ENDIAN, EXPLICIT], BIG_ENDIAN),
        ([DEFLATED], DEFLATED),
        ([MIME, SMPTE, PRIVATE, EXPLICIT], EXPLICIT),
        (["1.2.840.10008.1.2.4.9999"], "1.2.840.10008.1.2.4.9999"),
        (["1.2.840.113619.5.2"], "1.2.840.113619.5.2"),
        ([MIME, SMPTE], None),
        ([PRIVATE, "1.2.840.10008.1.20.1", "1.2.840.10008.1.29", ""], None),
        ([], None),
    ],
)
def test_which_transfer_syntax_is_spoken(syntaxes: list[str], chosen: str | None) -> None:
    assert choose_syntax(syntaxes) == chosen


def test_all_that_is_stored_is_taken() -> None:
    for context in AllStoragePresentationContexts:
        assert is_stored(str(context.abstract_syntax)), context.abstract_syntax.name
    for retired in ("1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.12.3", "1.2.840.10008.5.1.4.1.1.88.1"):
        assert is_stored(retired)
    assert is_stored("1.2.840.113619.4.26"), "private"
    assert is_stored("1.2.840.10008.5.1.4.1.1.9999"), "of a later edition"


def test_nothing_else_is() -> None:
    for context in QueryRetrievePresentationContexts:
        assert not is_stored(str(context.abstract_syntax))
    for uid in ("1.2.840.10008.1.20.1", "1.2.840.10008.1.3.10", "1.2.840.10008.4.2", VERIFICATION, EXPLICIT, ""):
        assert not is_stored(uid)


@pytest.mark.parametrize(
    ("changes", "rejection"),
    [
        ({}, None),
        ({"called": "OTHER"}, Rejection.CALLED_AET),
        ({"called": "negatoscope"}, Rejection.CALLED_AET),
        ({"calling": "STRANGER"}, Rejection.CALLING_AET),
        ({"calling": ""}, Rejection.CALLING_AET),
        ({"application": "1.2.3"}, Rejection.OTHER_APPLICATION),
        ({"version": 2}, Rejection.OTHER_PROTOCOL),
        ({"version": 3}, None),
    ],
)
def test_who_is_let_in(changes: dict[str, object], rejection: Rejection | None) -> None:
    asked = parse_associate(associate_body(**changes))
    assert find_rejection(asked, AET, lambda aet: aet == "PEER") is rejection


def test_what_is_answered_is_what_pynetdicom_reads() -> None:
    proposals = [
        *(proposal(1, VERIFICATION, IMPLICIT), proposal(3, CT, IMPLICIT, EXPLICIT), proposal(5, CT, MIME)),
        *(proposal(7, "1.2.840.10008.5.1.4.1.2.2.1", IMPLICIT), proposal(255, "1.2.3.4", EXPLICIT)),
    ]
    body = associate_body(proposals=proposals)
    judge = A_ASSOCIATE_RQ()
    judge.decode(pdu(1, body))
    asked = parse_associate(body)
    assert [(one.context_id, one.abstract, list(one.syntaxes)) for one in asked.proposals] == [
        (one.context_id, one.abstract_syntax, one.transfer_syntax) for one in judge.presentation_context
    ]
    assert (asked.called, asked.calling, asked.application) == (AET, "PEER", DICOM)
    contexts = decide(asked.proposals)
    answer = A_ASSOCIATE_AC()
    answer.decode(encode_accept(asked, contexts))
    assert [(one.context_id, one.result, one.transfer_syntax) for one in answer.presentation_context] == [
        (1, 0, IMPLICIT),
        (3, 0, EXPLICIT),
        (5, 4, MIME),
        (7, 3, IMPLICIT),
        (255, 0, EXPLICIT),
    ]
    assert answer.user_information.maximum_length == MAX_PDU
    assert answer.application_context_name == DICOM


@pytest.mark.parametrize("rejection", list(Rejection))
def test_rejections_are_what_pynetdicom_reads(rejection: Rejection) -> None:
    judge = A_ASSOCIATE_RJ()
    judge.decode(encode_rejection(rejection))
    assert judge.reason_str
    assert (judge.result << 16 | judge.source << 8 | judge.reason_diagnostic) == rejection


@pytest.mark.parametrize(
    "body",
    [
        b"",
        associate_body()[:67],
        associate_body()[:-1],
        associate_body() + b"\0",
        associate_body(proposals=()),
        associate_body(proposals=[proposal(1, CT, EXPLICIT)] * 2),
        associate_body(proposals=[proposal(2, CT, EXPLICIT)]),
        associate_body(proposals=[item(0x20, b"\1")]),
        associate_body(proposals=[item(0x20, b"\1\0\0\0" + b"\x30\0\xff\xff1.2")]),
        associate_body(user=b"\x51\0\0\4"),
        associate_body()[:68] + item(0x10, DICOM.encode()) + proposal(1, CT, EXPLICIT),
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(Broken):
        parse_associate(body)


def test_what_is_no_uid_is_not_spoken() -> None:
    (one,) = parse_associate(associate_body(proposals=[proposal(1, "../x", "../y", EXPLICIT + "\0")])).proposals
    assert one == Proposal(1, "", ("", EXPLICIT))
    assert decide([one])[0].result is Result.ABSTRACT_SYNTAX


@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=4))
def test_any_bytes_are_read_or_refused(tail: bytes, at: int, change: bytes) -> None:
    whole = associate_body()
    for body in (whole[:68] + tail, whole[:at] + change + whole[at + len(change) :]):
        with contextlib.suppress(Broken):
            asked = parse_associate(body)
            encode_accept(asked, decide(asked.proposals))
