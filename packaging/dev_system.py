"""What development needs from the operating system: on Linux, what Qt's wheels leave out, and tests use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

# The Debian packages of the libraries that ldd names for the files of QT_FILES on a bare Debian 12, and three
# that ldd can't know: software OpenGL for EGL and GLX, and a font. "a|b" is the first that the release has:
# Debian 13 and Ubuntu 24.04 renamed some.
QT_PACKAGES = (
    "fonts-dejavu-core",
    "libasound2t64|libasound2",
    "libdbus-1-3",
    "libegl-mesa0",
    "libegl1",
    "libfontconfig1",
    "libfreetype6",
    "libgbm1",
    "libgl1",
    "libgl1-mesa-dri",
    "libglib2.0-0t64|libglib2.0-0",
    "libnspr4",
    "libnss3",
    "libwayland-client0",
    "libwayland-cursor0",
    "libwayland-egl1",
    "libx11-6",
    "libx11-xcb1",
    "libxcb-cursor0",
    "libxcb-dri3-0",
    "libxcb-glx0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-render0",
    "libxcb-shape0",
    "libxcb-shm0",
    "libxcb-sync1",
    "libxcb-util1",
    "libxcb-xfixes0",
    "libxcb-xkb1",
    "libxcb1",
    "libxcomposite1",
    "libxdamage1",
    "libxext6",
    "libxfixes3",
    "libxkbcommon-x11-0",
    "libxkbcommon0",
    "libxkbfile1",
    "libxrandr2",
    "libxtst6",
)

# Programs that tests run beside ours; what needs one that is not there is skipped, and says so.
TEST_PACKAGES = (
    "7zip|p7zip-full",
    "chromium|chromium-browser",
    "curl",
    "dcmtk",
    "iproute2",
    "nginx-light|nginx",
    "orthanc",
    "orthanc-dicomweb",
    "strace",
)

# Relative to the installed PySide6.
QT_FILES = (
    "Qt/lib/libQt6WebEngineCore.so.6",
    "Qt/libexec/QtWebEngineProcess",
    "Qt/plugins/platforms/libqoffscreen.so",
    "Qt/plugins/platforms/libqwayland.so",
    "Qt/plugins/platforms/libqxcb.so",
    "Qt/plugins/xcbglintegrations/libqxcb-egl-integration.so",
    "Qt/plugins/xcbglintegrations/libqxcb-glx-integration.so",
)


class DevError(Exception):
    """A command of dev.py can't go on; the message is a sentence for whoever runs it."""


def debian_packages(wanted: Sequence[str], purpose: str) -> bool:
    """See to it that Debian packages are installed, and say whether they are.

    As root, what is missing is installed; for anybody else the command is printed. `wanted` holds names or
    alternatives as `a|b`; `purpose` completes the sentence "Installing Debian packages for ...".
    """
    lacking = missing_packages(wanted, _installed(wanted))
    if not lacking:
        return True
    root = os.geteuid() == 0
    if root:
        _apt_update()
    names = choose_packages(lacking, _available(lacking))
    command = install_command(names, root=root)
    if not root:
        print(f"Missing Debian packages for {purpose}; install them with:\n  {' '.join(command)}", flush=True)
        return False
    print(f"Installing Debian packages for {purpose} ({len(names)}) ...", flush=True)
    done = _apt(command)
    if done.returncode != 0:
        print(f"{done.stdout}apt-get could not install them (exit code {done.returncode}).", flush=True)
    return done.returncode == 0


def missing_packages(wanted: Iterable[str], installed: set[str]) -> list[str]:
    """Return those of `wanted` of which no alternative is installed."""
    return [entry for entry in wanted if not installed.intersection(entry.split("|"))]


def choose_packages(wanted: Iterable[str], available: set[str]) -> list[str]:
    """Return one name for each of `wanted`: the first alternative that is available, else the last."""
    chosen = []
    for entry in wanted:
        names = entry.split("|")
        chosen.append(next((name for name in names if name in available), names[-1]))
    return chosen


def install_command(names: Sequence[str], *, root: bool) -> list[str]:
    """Return the command that installs Debian packages."""
    return [*([] if root else ["sudo"]), "apt-get", "install", "-y", "--no-install-recommends", *names]


def is_debian() -> bool:
    """Say whether this is Debian or one of its kin."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    return names_debian(text) and all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-query")))


def names_debian(os_release: str) -> bool:
    """Say whether the text of /etc/os-release is of Debian or one of its kin."""
    kin = re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)"?$', os_release, flags=re.MULTILINE)
    return not {"debian", "ubuntu"}.isdisjoint(" ".join(kin).split())


def ensure_venv_module() -> None:
    """See to it that this Python can make virtual environments; raises DevError if it can't.

    Debian keeps the module ensurepip in a package of its own.
    """
    if _has_ensurepip():
        return
    name = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not is_debian():
        raise DevError(
            f"{sys.executable} can't make virtual environments (it has no ensurepip). "
            "Install its venv part, then try again."
        )
    if not debian_packages([name], "Python's virtual environments") or not _has_ensurepip():
        raise DevError(f"Python's virtual environments need the package {name}. Install it, then try again.")


def ensure_qt_libraries() -> None:
    """See to the system libraries that Qt needs, where the package names are known; else do nothing."""
    if sys.platform == "linux" and is_debian():
        debian_packages(QT_PACKAGES, "Qt")


def ensure_test_programs() -> None:
    """See to the programs that tests use, where the package names are known; else do nothing."""
    if sys.platform == "linux" and is_debian():
        debian_packages(TEST_PACKAGES, "the tests that use them")


def report_missing_libraries(site_packages: Path) -> None:
    """Name the libraries that the installed Qt does not find on this Linux."""
    if sys.platform != "linux" or not shutil.which("ldd"):
        return
    names: set[str] = set()
    for file in QT_FILES:
        command = ["ldd", str(site_packages / "PySide6" / file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        names.update(missing_libraries(done.stdout))
    if names:
        print(
            f"Qt does not find these system libraries: {' '.join(sorted(names))}. "
            "Install them with the package manager of this system, or the window will not open.",
            flush=True,
        )


def missing_libraries(ldd_output: str) -> list[str]:
    """Return the libraries that ldd did not find."""
    return re.findall(r"^\s*(\S+) => not found", ldd_output, flags=re.MULTILINE)


def _has_ensurepip() -> bool:
    # Asked of a new process: this one may remember that the module was missing.
    command = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _installed(wanted: Iterable[str]) -> set[str]:
    names = [name for entry in wanted for name in entry.split("|")]
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[1] for row in rows if row[0] == "installed"}


def _available(wanted: Iterable[str]) -> set[str]:
    if not any("|" in entry for entry in wanted):
        return set()
    done = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, check=False)
    return set(done.stdout.split())


@cache
def _apt_update() -> None:
    # A failure shows in the installation that follows, if it matters.
    _apt(["apt-get", "update"])


def _apt(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
