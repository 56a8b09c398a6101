"""Finds out how the web engine can draw on this computer.

Without a graphics card, or with one that Chromium does not trust, it has no WebGL, and OHIF shows only an error. So
ways of starting it are tried in a process of their own, until one draws, and the one that did is remembered.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

log = logging.getLogger(__name__)

FLAGS_VARIABLE = "QTWEBENGINE_CHROMIUM_FLAGS"

AS_IT_IS = ""
SOFTWARE = "--ignore-gpu-blocklist"
SOFTWARE_COPIED = "--ignore-gpu-blocklist --disable-gpu-compositing"
SWIFTSHADER = "--ignore-gpu-blocklist --disable-gpu-compositing --enable-unsafe-swiftshader"
"""Screens without a graphics card stay black unless pages are put together by the processor."""

_PROBE_SECONDS = 30.0
_SOFTWARE_RENDERERS = ("swiftshader", "llvmpipe", "softpipe", "software", "basic render")


@dataclass(frozen=True, slots=True)
class Graphics:
    """How the web engine is started.

    Attributes:
        flags: for Chromium.
        renderer: what draws WebGL with them; empty if nothing does.
    """

    flags: str
    renderer: str


def is_software(renderer: str) -> bool:
    """Whether a renderer is the processor itself."""
    return any(name in renderer.lower() for name in _SOFTWARE_RENDERERS)


def candidates(platform: str, environment: Mapping[str, str], *, has_card: bool) -> tuple[str, ...]:
    """Return the flags to try, in order.

    Args:
        platform: as of ``sys.platform``.
        environment: of the process.
        has_card: the system knows of a graphics card.
    """
    bare_screen = environment.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal", "vnc"))
    if platform == "linux" and (bare_screen or not has_card):
        return (SOFTWARE_COPIED, SWIFTSHADER)
    return (AS_IT_IS, SOFTWARE, SOFTWARE_COPIED, SWIFTSHADER)


def find_card() -> bool:
    """Whether the system knows of a graphics card; only Linux can be asked so."""
    return sys.platform != "linux" or any(Path("/dev/dri").glob("render*"))


def choose_graphics(memory: Path, key: str, probe: Callable[[str], str]) -> Graphics:
    """Choose how to start the web engine.

    Args:
        memory: the file in which the choice is remembered.
        key: what the choice depends on: versions, platform, screen.
        probe: given flags, tries them and returns the renderer's name; empty if nothing was drawn.
    """
    remembered = _recall(memory, key)
    if remembered is not None:
        return remembered
    for flags in candidates(sys.platform, os.environ, has_card=find_card()):
        renderer = probe(flags)
        if renderer:
            graphics = Graphics(flags, renderer)
            _remember(memory, key, graphics)
            return graphics
    return Graphics(SWIFTSHADER, "")


def forget_graphics(memory: Path) -> None:
    """Have the next start try anew."""
    memory.unlink(missing_ok=True)


def _recall(memory: Path, key: str) -> Graphics | None:
    try:
        values = json.loads(memory.read_text(encoding="utf-8"))
        return Graphics(str(values["flags"]), str(values["renderer"])) if values["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(memory: Path, key: str, graphics: Graphics) -> None:
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps({"key": key, **asdict(graphics)}), encoding="utf-8")
    except OSError as error:
        log.warning("the choice of graphics cannot be remembered: %s", error.strerror)


def probe_in_process(flags: str) -> str:
    """Try flags in a process of its own, where a crash does no harm; see :mod:`desktop.ui.probe`."""
    command: Sequence[str] = [sys.executable, "-m", "desktop", "probe-graphics"]
    if getattr(sys, "frozen", False):
        command = [sys.executable, "probe-graphics"]
    environment = {**os.environ, FLAGS_VARIABLE: flags}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, env=environment, capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("graphics could not be tried with %r: %s", flags, type(error).__name__)
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def prepare(memory: Path, key: str) -> Graphics:
    """Choose how to start the web engine, and set the environment for it. Must come before Qt starts.

    Flags that the user has set are left alone.
    """
    own = os.environ.get(FLAGS_VARIABLE)
    if own is not None:
        return Graphics(own, "")
    graphics = choose_graphics(memory, key, probe_in_process)
    os.environ[FLAGS_VARIABLE] = graphics.flags
    return graphics
