"""The description of the routes: it has all of them, and the server keeps to it, whatever is asked."""

import json
import re
import subprocess
import sys
from pathlib import Path

from server.asking import Served

from desktop.server.openapi import OPERATIONS, describe
from desktop.server.routes import ROUTES

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance"


def test_each_route_and_method_is_described_and_nothing_else() -> None:
    assert set(OPERATIONS) == {(method, path) for path, methods in ROUTES.items() for method in methods}


def test_it_is_an_openapi_description(gallery: Served) -> None:
    told = gallery.json("/openapi.json")
    assert told == json.loads(json.dumps(describe()))
    assert told["openapi"] == "3.1.0"
    for path, item in told["paths"].items():
        for operation in item.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
    assert describe("/images")["servers"] == [{"url": "/images"}]


def test_the_server_keeps_to_it(gallery: Served, pydicom_files: Path, tmp_path: Path) -> None:
    told = gallery.json("/openapi.json")
    study, series, instance = gallery.place(pydicom_files / "CT_small.dcm")
    there = {"study": study, "series": series, "instance": instance, "frame": 1, "frames": "1", "place": "7FE00010"}
    for item in told["paths"].values():
        for operation in item.values():
            for one in operation["parameters"]:
                if one["name"] in there:
                    one["example"] = there[one["name"]]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(told))
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(file), "--url", gallery.origin),
        *("--header", f"Authorization: Bearer {gallery.token}", "--checks", CHECKS, "--phases", "coverage,fuzzing"),
        *("--max-examples", "5", "--seed", "1", "--generation-deterministic"),
        # It cannot make DICOM files.
        *(
            "--exclude-method",
            "POST",
            "--max-redirects",
            "0",
            "--no-shrink",
            "--continue-on-failure",
            "--no-color",
            "--warnings",
            "off",
        ),
        *("--suppress-health-check", "all"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\b[1-9][0-9]{2,} generated|[1-9]\d{2,} passed", done.stdout), done.stdout[-3000:]
