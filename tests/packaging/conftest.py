"""The files of `packaging/` as modules. They are no package, so they are loaded from their folder."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    folder = str(ROOT / "packaging")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def fetch_ohif() -> ModuleType:
    return load("fetch_ohif")


@pytest.fixture(scope="session")
def hatch_build() -> ModuleType:
    pytest.importorskip("hatchling")
    return load("hatch_build")


@pytest.fixture(scope="session")
def dev() -> ModuleType:
    return load("dev")


@pytest.fixture(scope="session")
def dev_pins() -> ModuleType:
    return load("dev_pins")


@pytest.fixture(scope="session")
def dev_setup() -> ModuleType:
    return load("dev_setup")


@pytest.fixture(scope="session")
def dev_system() -> ModuleType:
    return load("dev_system")
