"""Damages real files in many ways, and sees that each is read or refused: soon, in little memory, and accounted for.

Run by ``python3 packaging/dev.py fuzz``. Each file is read by itself under limits (15 s of the processor for it and
for its page and picture, 1 GB above the base use), and all of them by real imports. A case is made from the seed and
its number: ``--seed S --only N`` repeats it, as long as the files are the same.
"""

import argparse
import multiprocessing
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from desktop.importers.reading import ReaderPool

from .account import Summary
from .importing import Imported, import_twice, peak_memory
from .sources import find_sources
from .watching import WATCHES, Watched, prepare, watch

CASES, BATCH = 10_000, 250


class Run:
    """One run over numbered cases.

    Args:
        seed: of all cases.
        keep: where the files of troubled cases are kept, if anywhere.
        whole: tracebacks are shown whole.
    """

    def __init__(self, seed: int, keep: Path | None, *, whole: bool) -> None:
        self.summary = Summary(seed)
        self._seed = seed
        self._keep = keep
        self._whole = whole
        self._pool = ReaderPool()

    def batch(self, numbers: Sequence[int], watchers: ProcessPoolExecutor, work: Path) -> None:
        """Make these cases, examine each, and import them together."""
        files = work / "files"
        files.mkdir()
        for watched in watchers.map(partial(watch, self._seed, folder=files), numbers, chunksize=5):
            self.summary.add_watched(watched)
            self._tell(watched)
            if watched.ended:
                watched.path.unlink()
        imported = import_twice(files, work / "base", self._pool)
        self.summary.add_imported(imported, peak_memory(self._pool))
        for name, trouble in imported.troubles:
            print(f"{name or 'the batch'}: {trouble.step}: {trouble.kind} {trouble.where}", flush=True)
        if self._whole or self._hangs(imported):
            print(*(trouble.trace for _, trouble in imported.troubles if trouble.trace), sep="\n")
        if self._hangs(imported):
            self.close()
            self._pool = ReaderPool()
        shutil.rmtree(files)
        shutil.rmtree(work / "base")

    def close(self) -> None:
        """End the worker processes."""
        self._pool.close()

    def _hangs(self, imported: Imported) -> bool:
        return not imported.counts and bool(imported.troubles)

    def _tell(self, watched: Watched) -> None:
        if not watched.found.troubles and not self._whole:
            return
        print(f"seed {self._seed}, case {watched.number}: {watched.source}: {', '.join(watched.damages)}")
        print(f"  {watched.found.outcome or 'ended'}, {watched.seconds:.2f} s, {watched.memory / 2**20:,.0f} MB")
        for trouble in watched.found.troubles:
            print(f"  {trouble.step}: {trouble.kind} {trouble.where}", flush=True)
            if self._whole:
                print(trouble.trace)
        if self._keep is not None:
            shutil.copy(watched.path, self._keep)


@contextmanager
def start_watchers() -> Iterator[ProcessPoolExecutor]:
    """Start processes that make and examine cases. Each forks, so none may have threads."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context, initializer=prepare, initargs=(find_sources(),)) as watchers:
        yield watchers


def main() -> int:
    """Run the cases, print the account, and return 1 if anything happened that must not."""
    parser = argparse.ArgumentParser(prog="dev.py fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help=f"how many files are damaged ({CASES})")
    parser.add_argument("--seed", type=int, help="of a run that is to be repeated (a new one)")
    parser.add_argument("--only", type=int, metavar="N", help="case N alone, with whole tracebacks; needs --seed")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep the files of troubled cases")
    options = parser.parse_args()
    if options.only is not None and options.seed is None:
        parser.error("--only needs --seed")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    numbers = range(options.cases) if options.only is None else range(options.only, options.only + 1)
    if not WATCHES:
        print("This system has no limits of time and memory to read under.")
    run = Run(seed, options.keep, whole=options.only is not None)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="negatoscope-fuzz-") as work, start_watchers() as watchers:
        try:
            for at in range(0, len(numbers), BATCH):
                run.batch(numbers[at : at + BATCH], watchers, Path(work))
        finally:
            run.close()
    print(*run.summary.lines(), sep="\n")
    return 1 if run.summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
