"""The guide says what the code does: its commands, options, settings, routes and handlers."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from desktop.cli import make_parser
from desktop.dicom.levels import Level
from desktop.displaysets.handlers.unsupported import HANDLER_ID
from desktop.displaysets.modes import MODES
from desktop.displaysets.splitting import RULES
from desktop.library.conditions import COLUMNS
from desktop.library.outcomes import Outcome
from desktop.pacs.answers import Oddity
from desktop.pacs.failures import Failure
from desktop.server import qido
from desktop.server.routes import ROUTES
from desktop.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "resources" / "guide"


def page(name: str) -> str:
    return (GUIDE / f"{name}.md").read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0]: part for part in parts}


def test_each_command_and_option_is_described():
    _, commands = make_parser()
    text = page("commands")
    described = sections(text)
    for name, parser in commands.items():
        if name == "window":
            section = described["`negatoscope [PATH…]`"]
        elif any(other.startswith(f"{name} ") for other in commands):
            # Its actions are described.
            continue
        else:
            found = [title for title in described if re.match(rf"`negatoscope {name}\b", title)]
            assert len(found) == 1, name
            section = described[found[0]]
        head = text[: text.index("## ")]
        for action in parser._actions:
            for option in action.option_strings:
                if option not in ("-h", "--help"):
                    assert option in section or option in head, f"{name} {option}"


def test_each_failure_of_a_node_is_described():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", sections(page("pacs"))["What can go wrong"], flags=re.MULTILINE)
    assert rows[1:] == [failure.value for failure in Failure]


def test_each_oddity_of_an_answer_is_described():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", sections(page("pacs"))["Odd answers"], flags=re.MULTILINE)
    assert rows[1:] == [oddity.value for oddity in Oddity]


def test_no_command_is_described_that_is_not_there():
    _, commands = make_parser()
    for title in sections(page("commands")):
        match = re.match(r"`negatoscope ([a-z-]+(?: [a-z-]+)?)", title)
        assert match is None or match[1] in commands


def test_each_outcome_is_described():
    assert [name for name in Outcome if f"| `{name.value}` |" not in page("commands")] == []


def test_each_setting_is_described_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", page("settings"), flags=re.MULTILINE))
    expected = {field.name: json.dumps(field.default) for field in fields(Settings)}
    assert rows == expected


def test_each_route_is_described():
    described = set(re.findall(r"^\| `([^`]+)` \|", page("server"), flags=re.MULTILINE))
    assert described == {*ROUTES, "/"}


def test_each_attribute_that_is_matched_in_columns_is_described():
    rows = re.findall(r"^\| (\w+) \| ([A-Z].+) \|$", sections(page("server"))["Searches"], flags=re.MULTILINE)
    plural = {Level.PATIENT: "patients", Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
    told = {level: names.split(", ") for level, names in rows}
    assert told == {plural[level]: list(columns) for level, columns in COLUMNS.items()}


def test_the_limits_of_searches_are_described():
    text = sections(page("server"))["Searches"]
    assert f"At most {qido.MAX_RESULTS:,} are sent at once, or {qido._MAX_BYTES >> 20} MB" in text
    assert f"after {qido._SECONDS:g} s" in text


def test_each_handler_is_described():
    described = set(re.findall(r"^\| `([^`]+)` \|", sections(page("display-sets"))["Handlers"], flags=re.MULTILINE))
    assert described == {handler_id for mode in MODES.values() for handler_id in mode.handler_ids} | {HANDLER_ID}


def test_each_mode_is_described():
    text = sections(page("display-sets"))["Modes"]
    rows = re.findall(r"^\| (`.+`) \| (.+), and the others \|$", text, flags=re.MULTILINE)
    told = {mode.strip("` "): handlers.split(", ") for modes, handlers in rows for mode in modes.split(",")}
    others = re.search(r"in this order: (.+), page\.", text.replace("\n", " "))
    assert others is not None
    last = [word.removesuffix(" for images of unknown classes") for word in others[1].split(", ")]
    for name, mode in MODES.items():
        names = [word.removesuffix(" (series are left whole)") for word in told.pop(name)]
        expected = [*names, *(word for word in last if word not in names or word == "stack"), "page"]
        assert [handler.name for handler in mode.handlers] == expected, name
    assert told == {}


def test_each_rule_of_splitting_is_described():
    rows = re.findall(r"^\| (\w+) \| (.+) \| (.+) \|$", sections(page("display-sets"))["Stacks"], flags=re.MULTILINE)
    told = {modality: (always.split(", "), shared.split(", ")) for modality, always, shared in rows[1:]}
    assert told == {
        modality: ([one.name for one in rule.always], [one.name for one in rule.of_one_place])
        for modality, rule in RULES.items()
    }


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("https://"):
            assert (ROOT / target).exists(), target
