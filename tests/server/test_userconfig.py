"""The user's own configuration of OHIF: what is read of it, and what is said of a file that cannot be used."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from server.asking import Served, make_viewer, serve

from desktop.server.userconfig import SIZE_LIMIT, UserFile


def said_of_file(served: Served) -> Any:
    """Return what the page is told of the file."""
    found = re.fullmatch(
        r"window\.config = completeConfig\(.*, (null|\{[^{}]*\})\);\n", served.ask("/app-config.js").text, re.DOTALL
    )
    assert found is not None
    return json.loads(found[1])


def test_it_is_read_anew_each_time(served: Served) -> None:
    path = served.app.paths.ohif_config
    assert (served.ask("/ohif.js").text, said_of_file(served)) == ("", None)
    for text in ("window.config = {};", "window.config = { name: 'ä' };\n", "not a script {"):
        path.write_text(text, encoding="utf-8")
        answer = served.ask("/ohif.js")
        assert answer.text == text
        assert answer.header("content-type") == "text/javascript; charset=utf-8"
        assert answer.header("cache-control") == "no-store"
        assert said_of_file(served) == {"name": "ohif.js", "fault": ""}
    path.unlink()
    assert (served.ask("/ohif.js").text, said_of_file(served)) == ("", None)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"window.config = {};\n// \xff\n", "It is not text in UTF-8 (line 2)."),
        ("window.config = {};".encode("utf-16"), "It is not text in UTF-8 (line 1)."),
        (b" " * (SIZE_LIMIT + 1), "It is larger than 4 MB."),
    ],
)
def test_what_cannot_be_used(served: Served, content: bytes, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    served.app.paths.ohif_config.write_bytes(content)
    assert said_of_file(served) == {"name": "ohif.js", "fault": fault}
    assert served.ask("/ohif.js").text == ""
    assert fault in caplog.text
    assert "ohif.js" in caplog.text


def test_a_byte_order_mark_and_an_end_in_time_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "ohif.js"
    path.write_bytes(b"\xef\xbb\xbfwindow.config = {};")
    found = UserFile(path).read()
    assert found is not None
    assert (found.script, found.fault) == (b"window.config = {};", "")
    path.write_bytes(b" " * SIZE_LIMIT)
    found = UserFile(path).read()
    assert found is not None
    assert found.fault == ""


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    faults = {"folder": "It is not a file."}
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        faults["pipe"] = "It is not a file."
    if sys.platform != "win32" and os.geteuid() != 0:
        (tmp_path / "locked").touch(0)
        faults["locked"] = "It cannot be read (Permission denied)."
    for name, fault in faults.items():
        found = UserFile(tmp_path / name).read()
        assert found is not None
        assert found.fault == fault


@pytest.mark.parametrize("named", ["mine.js", "below/mine.js", "{tmp}/mine.js"])
def test_the_settings_name_another_file(tmp_path: Path, named: str) -> None:
    named = named.format(tmp=tmp_path)
    base = tmp_path / "base"
    (base / "config" / "below").mkdir(parents=True)
    (base / "config" / "settings.json").write_text(json.dumps({"ohif_config": named}))
    (base / "config" / "ohif.js").write_text("window.config = { name: 'not this one' };")
    with serve(base, make_viewer(tmp_path / "resources")) as served:
        assert said_of_file(served) == {"name": "mine.js", "fault": "It is not there."}
        (base / "config" / named).write_text("window.config = { name: 'this one' };")
        assert said_of_file(served) == {"name": "mine.js", "fault": ""}
        assert "this one" in served.ask("/ohif.js").text
