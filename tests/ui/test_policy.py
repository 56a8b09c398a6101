import pytest

from desktop.ui.viewer.policy import Policy, Verdict, studies_of_address

POLICY = Policy("http://127.0.0.1:4711")


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("http://127.0.0.1:4711/", Verdict.OWN),
        ("http://127.0.0.1:4711/dicom-web/studies?x=http://evil.example", Verdict.OWN),
        ("http://127.0.0.1:4711", Verdict.OWN),
        ("http://127.0.0.1:4712/", Verdict.REFUSE),
        ("http://127.0.0.1/", Verdict.REFUSE),
        ("https://127.0.0.1:4711/", Verdict.REFUSE),
        ("http://localhost:4711/", Verdict.REFUSE),
        ("http://127.0.0.1:4711@evil.example/", Verdict.REFUSE),
        ("http://user@127.0.0.1:4711/", Verdict.REFUSE),
        ("http://127.0.0.1.evil.example:4711/", Verdict.REFUSE),
        ("http://evil.example/http://127.0.0.1:4711/", Verdict.REFUSE),
        ("ws://127.0.0.1:4711/", Verdict.REFUSE),
        ("file:///etc/passwd", Verdict.REFUSE),
        ("ftp://evil.example/", Verdict.REFUSE),
        ("javascript:alert(1)", Verdict.REFUSE),
        ("", Verdict.REFUSE),
        ("data:text/plain,x", Verdict.INSIDE),
        ("blob:http://127.0.0.1:4711/uuid", Verdict.INSIDE),
        ("qrc:///qtwebchannel/qwebchannel.js", Verdict.INSIDE),
        ("about:blank", Verdict.INSIDE),
    ],
)
def test_requests(url: str, verdict: Verdict):
    assert POLICY.request(url) is verdict


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://ohif.org/", Verdict.ASK),
        ("http://127.0.0.1:4712/", Verdict.ASK),
        ("mailto:a@b.example", Verdict.ASK),
        ("http://127.0.0.1:4711/viewer", Verdict.OWN),
        ("file:///etc/passwd", Verdict.REFUSE),
        ("javascript:alert(1)", Verdict.REFUSE),
        ("vbscript:x", Verdict.REFUSE),
    ],
)
def test_links(url: str, verdict: Verdict):
    assert POLICY.link(url) is verdict


@pytest.mark.parametrize(
    ("address", "studies"),
    [
        ("/viewer/dicomjson?url=%2Fstudies%2F1.2.3%2Fohif-dicom-json%3Fv%3D7", ("1.2.3",)),
        ("/viewer/dicomweb?StudyInstanceUIDs=1.2.3", ("1.2.3",)),
        ("/viewer?studyinstanceuids=1.2.3,1.2.4&x=1", ("1.2.3", "1.2.4")),
        ("/viewer?StudyInstanceUIDs=1.2.3&StudyInstanceUIDs=1.2.4", ("1.2.3", "1.2.4")),
        ("/notfoundstudy", ()),
        ("/", ()),
        ("/?patientName=1.2.3", ()),
    ],
)
def test_which_studies_an_address_shows(address: str, studies: tuple[str, ...]):
    assert studies_of_address("http://127.0.0.1:4711" + address) == studies
