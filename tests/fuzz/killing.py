"""Kills imports at random moments, and sees that nothing is lost by it.

Run by ``python3 packaging/dev.py kill``. A real ``negatoscope import`` is killed (SIGKILL), alone or with its workers,
one to three times, in place or with ``--copy``. After each kill the library must open and be sound, but for copies that
are in no list yet. Then the same import is brought to its end: the library must equal one that was never killed. The
moments are drawn from the seed, but what goes on at a moment is for the computer to say: no run repeats another.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import ROOT_UID, make_image

from desktop.__main__ import main as negatoscope
from desktop.errors import InputError
from desktop.library.queries import find_instances, get_study, locate
from desktop.library.store import Store
from desktop.paths import find_paths
from desktop.pictures.files import open_file

KILLS, FILES = 50, 1000
IN_A_ROW = 3
_WAIT_SECONDS = 120.0
_GONE_SECONDS = 10.0
_LOOK_SECONDS = 0.005
_NO_LIST = "copies are in no list"
"""What the check says of copies that a kill left: the next import takes them in."""


class Lost(Exception):  # noqa: N818 - a finding
    """Something is not as it must be."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a library that was brought to its end holds.

    Attributes:
        instances: patient, study, series and UID of each, with the digest of its bytes and the end of its path.
        counts: how many files the last import met, and came to each outcome; those that are shown are one.
        copies: names of all files in the folder of copies.
    """

    instances: tuple[tuple[str, ...], ...]
    counts: dict[str, int]
    copies: tuple[str, ...]


@dataclass(slots=True)
class Figures:
    """What was seen.

    Attributes:
        early: kills before the first image was in the library; late ones were after the last.
        unlisted: copies in no list after a kill, at most.
        parts: unfinished copies after a kill, at most.
    """

    kills: int = 0
    early: int = 0
    late: int = 0
    rounds: int = 0
    missed: int = 0
    unlisted: int = 0
    parts: int = 0


def make_files(folder: Path, count: int) -> None:
    """Write files of all kinds that an import tells apart: most are images of some studies."""
    made = [_image(number) for number in range(count)]
    for number, data in enumerate(made):
        path = folder / f"study {number % 5}" / f"{number // 100:02d}" / f"IM{number:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for number in range(0, count, 10):
        (folder / f"twin {number}").write_bytes(made[number])
        (folder / f"conflict {number}").write_bytes(_image(number, WindowCenter=999))
        (folder / f"text {number}").write_text("no image")
        (folder / f"cut {number}").write_bytes(made[number][:400])
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count, count + count // 5):
            archive.writestr(f"IM{number}", _image(number))


def _image(number: int, **more: object) -> bytes:
    study = number % 5
    uid = f"{ROOT_UID}{study + 1}"
    made = make_image(
        PatientID=f"P{study}",
        PatientName=f"Name^{study}",
        StudyInstanceUID=uid,
        SeriesInstanceUID=f"{uid}.{number // 100}",
        SOPInstanceUID=f"{uid}.{number // 100}.{number}",
        InstanceNumber=number,
        **more,
    )
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()


class Program:
    """The program with a library of its own.

    Args:
        copies: whether files are copied into the library.
    """

    def __init__(self, base: Path, files: Path, *, copies: bool) -> None:
        self._paths = find_paths(base)
        self._files = files
        words = ["--base-dir", str(base), "import", str(files), "--json"]
        self._words = [sys.executable, "-m", "desktop", *words, *(["--copy"] if copies else [])]

    def finish(self) -> dict[str, Any]:
        """Import to the end, and return the account."""
        with self._start(subprocess.PIPE) as process:
            out, err = process.communicate(timeout=_WAIT_SECONDS)
        if process.returncode != 0:
            raise Lost(f"the import ended with {process.returncode}: {err.decode()}")
        self._see_that_none_is_left(process.pid)
        account: dict[str, Any] = json.loads(out)
        return account

    def kill(self, seconds: float, *, alone: bool) -> bool:
        """Import, and kill it some seconds after it began, alone or with its workers; return whether it still ran."""
        before = self._imports()
        with self._start(subprocess.DEVNULL) as process:
            try:
                end = time.monotonic() + _WAIT_SECONDS
                while self._imports() == before and process.poll() is None and time.monotonic() < end:
                    time.sleep(_LOOK_SECONDS)
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                if alone:
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
        self._see_that_none_is_left(process.pid)
        return process.returncode == -signal.SIGKILL

    def _imports(self) -> int:
        """Return the number of the last import that was begun; 0 while there is no library."""
        with contextlib.suppress(sqlite3.Error):
            db = sqlite3.connect(f"file:{self._paths.library}?mode=ro", uri=True)
            with contextlib.closing(db):
                return int(db.execute("SELECT coalesce(max(id), 0) FROM imports").fetchone()[0])
        return 0

    def check(self, *options: str) -> dict[str, Any]:
        """Start the program anew and have it check the library."""
        if not self._paths.library.exists():
            return {"instances": 0, "faults": []}
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            negatoscope([*self._words[3:5], "library", "check", "--json", *options])
        if not said.getvalue():
            raise Lost("the library does not open")
        checked: dict[str, Any] = json.loads(said.getvalue())
        return checked

    def parts(self) -> int:
        """Return how many unfinished copies there are."""
        return len(list(self._paths.data.rglob("*.part")))

    def unlisted(self) -> int:
        """Return how many copies are in no list."""
        with Store(self._paths.library, self._paths.copies) as store:
            listed = {name for (name,) in store.reader().execute("SELECT copy FROM files WHERE copy != ''")}
        return len(set(self._copies()) - listed)

    def end(self) -> tuple[Ended, float]:
        """Import to the end, see that all is well, and return what the library holds, and the seconds it took."""
        account = self.finish()
        checked = self.check("--full")
        if checked["faults"] or self.parts():
            raise Lost(f"after the last import: {checked['faults']}, {self.parts()} unfinished copies")
        with Store(self._paths.library, self._paths.copies) as store:
            query = "SELECT replace(outcome, 'updated', 'added') AS end, count(*) FROM files GROUP BY end"
            counts = {"found": account["found"], **dict(map(tuple, store.reader().execute(query)))}
        return Ended(tuple(sorted(self._instances())), counts, self._copies()), account["seconds"]

    def _instances(self) -> list[tuple[str, ...]]:
        found = []
        with Store(self._paths.library, self._paths.copies) as store:
            db = store.reader()
            for entry in find_instances(db, None):
                uids = entry.instance.StudyInstanceUID, entry.instance.SeriesInstanceUID, entry.instance.SOPInstanceUID
                study, located = get_study(db, uids[0]), locate(db, *uids)
                if study is None or located is None:
                    raise Lost("an instance has no study or no file")
                with open_file(located.file) as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                place = located.file.path.rpartition("/")[2]
                found.append((study.patient.PatientID, study.patient.PatientName, *uids, digest, place))
        return found

    def _copies(self) -> tuple[str, ...]:
        return tuple(sorted(str(path.relative_to(self._paths.copies)) for path in self._paths.copies.glob("*/*")))

    def _start(self, out: int) -> "subprocess.Popen[bytes]":
        # A group of its own, so that all of it can be killed, and found.
        root = Path(__file__).resolve().parents[2]
        return subprocess.Popen(self._words, cwd=root, stdout=out, stderr=out, start_new_session=True)

    def _see_that_none_is_left(self, group: int) -> None:
        end = time.monotonic() + _GONE_SECONDS
        while _runs(group):
            if time.monotonic() > end:
                raise Lost("a process stays")
            time.sleep(0.01)


def _runs(group: int) -> bool:
    """Whether a process of a group runs. One that has ended and that nobody has asked for does not."""
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state, parent, group.
            state, _, its_group = place.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False


class Killing:
    """Kills imports of the same files, in rounds.

    Args:
        work: an empty folder.
        count: about how many files are imported.
    """

    def __init__(self, work: Path, count: int, seed: int) -> None:
        self.figures = Figures()
        self._work = work
        self._files = work / "files"
        self._random = random.Random(seed)
        self._expected: dict[bool, Ended] = {}
        self._seconds: dict[bool, float] = {}
        make_files(self._files, count)

    def round(self, kills: int, *, copies: bool) -> None:
        """Kill some imports one after another, bring the last to its end, and compare.

        Raises:
            Lost: something is not as it must be.
        """
        expected = self._without_kills(copies=copies)
        self.figures.rounds += 1
        program = Program(self._work / f"round {self.figures.rounds}", self._files, copies=copies)
        done = 0
        while done < kills:
            # Later moments are likelier: at first the workers only start.
            seconds = self._random.random() ** 0.5 * self._seconds[copies]
            if program.kill(seconds, alone=self._random.random() < 0.5):
                done += 1
                self._see(program, seconds, len(expected.instances), copies=copies)
            else:
                self.figures.missed += 1
                break
        ended, _ = program.end()
        if ended != expected:
            raise Lost(f"the library differs from one that was never killed: {_difference(ended, expected)}")

    def _without_kills(self, *, copies: bool) -> Ended:
        if copies not in self._expected:
            program = Program(self._work / f"expected {copies}", self._files, copies=copies)
            self._expected[copies], self._seconds[copies] = program.end()
        return self._expected[copies]

    def _see(self, program: Program, seconds: float, most: int, *, copies: bool) -> None:
        """See that the library is sound after a kill."""
        figures = self.figures
        parts = program.parts()
        try:
            checked = program.check()
        except InputError as error:
            raise Lost(error.sentence) from error
        unlisted = program.unlisted() if checked["instances"] else 0
        faults = [fault for fault in checked["faults"] if not (copies and _NO_LIST in fault)]
        figures.kills += 1
        figures.early += checked["instances"] == 0
        figures.late += checked["instances"] == most
        figures.unlisted = max(figures.unlisted, unlisted)
        figures.parts = max(figures.parts, parts)
        print(
            f"{figures.kills:3}  {'copies' if copies else 'in place':8}  after {seconds:5.2f} s  "
            f"{checked['instances']:5} of {most} images  {unlisted} copies in no list, {parts} unfinished",
            flush=True,
        )
        if faults:
            raise Lost(f"after a kill: {faults}")


def _difference(one: Ended, other: Ended) -> str:
    instances = set(one.instances) ^ set(other.instances)
    copies = set(one.copies) ^ set(other.copies)
    return f"{len(instances)} instances, {len(copies)} copies, {one.counts} for {other.counts}"


def main(words: Sequence[str] | None = None) -> int:
    """Kill, print the figures, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="dev.py kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help=f"how many imports are killed ({KILLS})")
    parser.add_argument("--files", type=int, default=FILES, help=f"about how many files are imported ({FILES})")
    parser.add_argument("--seed", type=int, help="of the moments (a new one)")
    options = parser.parse_args(words)
    if sys.platform != "linux":
        print("Processes are looked for as Linux has them.")
        return 1
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="negatoscope-kill-") as work:
        killing = Killing(Path(work), options.files, seed)
        figures = killing.figures
        choose = random.Random(seed)
        try:
            while figures.kills < options.kills:
                left = options.kills - figures.kills
                killing.round(min(choose.randint(1, IN_A_ROW), left), copies=choose.random() < 0.5)
        except Lost as error:
            print(f"LOST: {error}")
            return 1
    print(
        f"{figures.kills} kills in {figures.rounds} rounds: nothing was lost. {figures.early} before the first image, "
        f"{figures.late} after the last; {figures.missed} came too late. At most {figures.unlisted} copies in no list, "
        f"and {figures.parts} unfinished."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
