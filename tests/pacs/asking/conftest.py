"""Archives that many tests ask. Tests only look at them."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from builders import make_image, save
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import PasswordDeleteError
from pacs.asking.archives import find_program, make_certificate, run_dcmqrscp, run_program, run_wlmscpfs, send
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from server.orthanc import Orthanc, find_orthanc, free_port, run_orthanc

ORTHANC, QRSCP, WORKLIST = "ORTHANC", "QRSCP", "WORKLIST"


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture(autouse=True)
def _no_keyring() -> Iterator[None]:
    """Keep tests away from the keyring of whoever runs them."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def ring(_no_keyring: None) -> Ring:
    """A keyring that can be trusted."""
    made = Ring()
    keyring.set_keyring(made)
    return made


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of three patients: six images in four studies."""
    folder = tmp_path_factory.mktemp("studies")
    wanted = [
        ("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1", "DOE^JOHN", "P1", "20260102", "CT", "Head"),
        ("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2", "DOE^JOHN", "P1", "20260102", "CT", "Head"),
        ("1.2.3.1", "1.2.3.1.2", "1.2.3.1.2.1", "DOE^JOHN", "P1", "20260102", "MR", "Head"),
        ("1.2.3.2", "1.2.3.2.1", "1.2.3.2.1.1", "DOE^JOHN", "P1", "20250607", "CT", "Abdomen"),
        ("1.2.3.3", "1.2.3.3.1", "1.2.3.3.1.1", "DOE^JOAN", "P2", "20260103", "MR", "Brain scan"),
        ("1.2.3.4", "1.2.3.4.1", "1.2.3.4.1.1", "Müller^Jürgen", "P3", "20240101", "US", "Leber"),
    ]
    files = []
    for study, series, image, name, patient, day, modality, description in wanted:
        made = make_image(
            SpecificCharacterSet="ISO_IR 100",
            StudyInstanceUID=study,
            SeriesInstanceUID=series,
            SOPInstanceUID=image,
            PatientName=name,
            PatientID=patient,
            StudyDate=day,
            Modality=modality,
            StudyDescription=description,
            SeriesDescription=f"{modality} series",
            AccessionNumber=f"A{study[-1]}",
            StudyID=study[-1],
        )
        files.append(save(made, folder / f"{image}.dcm"))
    return files


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory, studies: list[Path]) -> Iterator[Orthanc]:
    """Orthanc with the studies, over DIMSE and DICOMweb."""
    program = find_orthanc()
    if program is None:
        pytest.skip("Orthanc is not here (Debian's packages orthanc and orthanc-dicomweb)")
    with run_orthanc(program, tmp_path_factory.mktemp("orthanc"), aet=ORTHANC) as started:
        assert all(isinstance(told, dict) for told in started.store(file.read_bytes() for file in studies))
        yield started


@pytest.fixture(scope="session")
def qrscp(tmp_path_factory: pytest.TempPathFactory, studies: list[Path]) -> Iterator[int]:
    """DCMTK's archive with the studies; its port."""
    with run_dcmqrscp(tmp_path_factory.mktemp("qrscp"), QRSCP) as port:
        send(port, QRSCP, *studies)
        yield port


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates: ``ca``, and of it ``server``, ``other`` (of another host), ``old`` and ``client``."""
    folder = tmp_path_factory.mktemp("keys")
    authority = make_certificate(folder, "ca")
    make_certificate(folder, "server", authority)
    make_certificate(folder, "other", authority, hosts=["elsewhere.invalid"])
    make_certificate(folder, "old", authority, days=0)
    make_certificate(folder, "client", authority)
    make_certificate(folder, "locked", authority, password=b"open sesame")
    make_certificate(folder, "stranger")
    return folder


@pytest.fixture(scope="session")
def dcmrecv(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[int]:
    """DCMTK's receiver behind TLS, which asks for a certificate; its port."""
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    options = ("+tls", str(keys / "server.key"), str(keys / "server.pem"), "+cf", str(keys / "ca.pem"), "-rc")
    with run_program([find_program("dcmrecv"), *options, str(port)], port, folder) as listening:
        yield listening


@pytest.fixture(scope="session")
def tls_orthanc(tmp_path_factory: pytest.TempPathFactory, studies: list[Path], keys: Path) -> Iterator[Orthanc]:
    """Orthanc with the studies, over DIMSE behind TLS; it asks for a certificate."""
    program = find_orthanc(plugin=False)
    if program is None:
        pytest.skip("Orthanc is not here (Debian's package orthanc)")
    secured = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(keys / "server.pem"),
        "DicomTlsPrivateKey": str(keys / "server.key"),
        "DicomTlsTrustedCertificates": str(keys / "ca.pem"),
    }
    with run_orthanc(program, tmp_path_factory.mktemp("orthanc"), plugin=False, aet=ORTHANC, **secured) as started:
        assert all(isinstance(told, dict) for told in started.store(file.read_bytes() for file in studies))
        yield started


def make_step(name: str, patient_id: str, day: str, modality: str, station: str, charset: str) -> Dataset:
    """Return what DCMTK's worklist keeps of one scheduled step."""
    step = Dataset()
    step.ScheduledStationAETitle, step.Modality = station, modality
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = day, "081500"
    step.ScheduledProcedureStepDescription, step.ScheduledProcedureStepID = "Chest", "S1"
    item = Dataset()
    item.SpecificCharacterSet = charset
    item.PatientName, item.PatientID, item.PatientBirthDate, item.PatientSex = name, patient_id, "19700102", "F"
    item.AccessionNumber, item.RequestedProcedureID = f"A{patient_id}", "R1"
    item.StudyInstanceUID, item.RequestedProcedureDescription = f"1.2.3.9.{patient_id[1:]}", "CT chest"
    item.ScheduledProcedureStepSequence = [step]
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.file_meta.MediaStorageSOPClassUID, item.file_meta.MediaStorageSOPInstanceUID = "1.2.3", "1.2.3.4"
    return item


@pytest.fixture(scope="session")
def wlmscpfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """DCMTK's worklist with three steps; its port."""
    steps = [
        make_step("DOE^JANE", "P1", "20260105", "CT", "CT1", "ISO_IR 100"),
        make_step("Müller^Jürgen", "P2", "20260106", "MR", "MR1", "ISO_IR 100"),
        make_step("Ολυμπία", "P3", "20260107", "CT", "CT2", "ISO_IR 126"),
    ]
    with run_wlmscpfs(tmp_path_factory.mktemp("worklist"), WORKLIST, steps) as port:
        yield port
