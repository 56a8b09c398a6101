"""``negatoscope doctor``: what a bug report needs, and nothing about patients."""

import os
import platform
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pydicom
import PySide6
import starlette
import uvicorn
from PySide6.QtWebEngineCore import qWebEngineChromiumVersion, qWebEngineVersion

from .. import __version__
from ..dicom.uids import BROWSER_SYNTAXES, NATIVE_SYNTAXES
from ..errors import ExitCode
from ..options import Options
from ..paths import Paths, find_resources
from ..server.host import open_socket
from ..services.reporting import print_json
from ..settings import load_settings
from . import graphics


def examine(options: Options, paths: Paths) -> int:
    """Print what was found; 1 if something keeps the program from working."""
    found = collect(paths)
    problems = found["problems"]
    if options.json:
        print_json(found)
    else:
        _print(found)
    return ExitCode.FAILED if problems else ExitCode.DONE


def collect(paths: Paths) -> dict[str, Any]:
    """Return versions, folders, graphics, port and decoders, and the problems among them."""
    ohif = find_resources() / "ohif" / "index.html"
    tried = _try_graphics()
    port = _try_port(paths)
    problems = []
    if not ohif.is_file():
        problems.append("OHIF's files are missing. Get them with: python3 packaging/fetch_ohif.py")
    if not tried["renderer"]:
        problems.append("WebGL does not work, so no image can be drawn. Update the graphics driver.")
    if not port["free"]:
        problems.append("No port can be opened on 127.0.0.1.")
    return {
        "versions": {
            "negatoscope": __version__,
            "python": platform.python_version(),
            "system": platform.platform(),
            "PySide6": PySide6.__version__,
            "QtWebEngine": qWebEngineVersion(),
            "Chromium": qWebEngineChromiumVersion(),
            "pydicom": pydicom.__version__,
            "numpy": np.__version__,
            "starlette": starlette.__version__,
            "uvicorn": uvicorn.__version__,
            "platformdirs": platformdirs.__version__,
            "sqlite": sqlite3.sqlite_version,
        },
        "paths": {
            "config": _shorten(paths.config),
            "data": _shorten(paths.data),
            "cache": _shorten(paths.cache),
            "log": _shorten(paths.log),
            "ohif": _shorten(ohif.parent),
        },
        "graphics": tried,
        "port": port,
        "codecs": {"native": sorted(NATIVE_SYNTAXES), "in the browser": sorted(BROWSER_SYNTAXES)},
        "problems": problems,
    }


def _shorten(path: Path) -> str:
    """Leave the user's name out."""
    home = str(Path.home())
    text = str(path)
    return "~" + text[len(home) :] if text.startswith(home + os.sep) else text


def _try_graphics() -> dict[str, Any]:
    if sys.platform == "linux" and os.geteuid() == 0:
        os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    own = os.environ.get(graphics.FLAGS_VARIABLE)
    flags = (own,) if own is not None else graphics.candidates(sys.platform, os.environ, has_card=graphics.find_card())
    for candidate in flags:
        renderer = graphics.probe_in_process(candidate)
        if renderer:
            return {"renderer": renderer, "flags": candidate, "software": graphics.is_software(renderer)}
    return {"renderer": "", "flags": "", "software": False}


def _try_port(paths: Paths) -> dict[str, Any]:
    wanted = load_settings(paths.settings).port
    try:
        with open_socket(wanted) as listener:
            got = listener.getsockname()[1]
    except OSError:
        return {"wanted": wanted, "free": False}
    return {"wanted": wanted, "free": True, "got": got}


def _print(found: dict[str, Any]) -> None:
    for title, values in found.items():
        if isinstance(values, dict):
            print(f"{title}:")
            for name, value in values.items():
                text = ", ".join(value) if isinstance(value, list) else value
                print(f"  {name}: {text}")
    for problem in found["problems"]:
        print(f"Problem: {problem}")
    if not found["problems"]:
        print("No problems were found.")
