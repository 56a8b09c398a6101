"""Servers for tests: an empty one for each test, and galleries of real files that many tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server.asking import Served, make_viewer, serve
from server.orthanc import Orthanc, find_orthanc, run_orthanc


@pytest.fixture
def viewer(tmp_path: Path) -> Path:
    """A small folder of resources."""
    return make_viewer(tmp_path / "resources")


@pytest.fixture
def served(tmp_path: Path, viewer: Path) -> Iterator[Served]:
    """An empty library, served."""
    with serve(tmp_path / "base", viewer) as started:
        yield started


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A library that a module's tests add files to. Each looks at its own instances, not at studies."""
    folder = tmp_path_factory.mktemp("shelf")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        yield started


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory, pydicom_files: Path) -> Iterator[Served]:
    """All of pydicom's files in one library, served. Tests only look at it."""
    folder = tmp_path_factory.mktemp("gallery")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        started.add(pydicom_files)
        yield started


@pytest.fixture(scope="session")
def corpus_gallery(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Iterator[Served]:
    """All of the real files in one library, served. Tests only look at it."""
    folder = tmp_path_factory.mktemp("corpus")
    with serve(folder / "base", make_viewer(folder / "resources"), draws=True) as started:
        started.add(corpus)
        yield started


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Orthanc with its DICOMweb plugin. Tests that use it are in the group ``orthanc``, so that one process has it."""
    program = find_orthanc()
    if program is None:
        pytest.skip("Orthanc is not here (Debian's packages orthanc and orthanc-dicomweb)")
    with run_orthanc(program, tmp_path_factory.mktemp("orthanc")) as started:
        yield started
