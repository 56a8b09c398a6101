"""How fast the program is, on this computer, with warm caches. Run by ``python3 packaging/dev.py bench``.

Everything is measured in one run, several times in turn, and given as median, smallest and largest. Ratios say more
than seconds, since computers differ: to Orthanc's ingest of the same files, and to pydicom's own reading on one core.
"""

import argparse
import json
import math
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from figures import Figures
from importing import measure_importing
from library import measure_library
from metadata import measure_metadata
from moving import measure_moving
from opening import measure_opening
from orthanc import find_orthanc
from program import keep_bytecode, show_script
from receiving import measure_receiving
from searches import measure_searches
from serving import measure_serving
from showing import measure_showing
from storing import measure_storing
from studies import make_study
from studyjson import measure_study_json

COUNT, LARGE, STUDIES = 1000, 250_000, 10_000


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="how often each is measured (3)")
    parser.add_argument("--files", type=int, default=COUNT, metavar="N", help=f"how many images ({COUNT})")
    parser.add_argument(
        "--large",
        type=int,
        nargs="?",
        const=LARGE,
        default=0,
        metavar="N",
        help=f"measure a library of N images too ({LARGE:,}); this takes minutes",
    )
    parser.add_argument(
        "--studies", type=int, default=STUDIES, metavar="N", help=f"how many studies to search ({STUDIES:,}); 0: none"
    )
    parser.add_argument("--profile", action="store_true", help="only show where the time of an import goes")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures to this file")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and return 0; a missed figure is told, not failed: computers differ."""
    options = read_options()
    figures, remarks, load = Figures(), [], [_load()]
    with tempfile.TemporaryDirectory(prefix="negatoscope-bench-") as temporary:
        work = Path(temporary)
        keep_bytecode(work / "bytecode")
        files = make_study(work / "study", options.files)
        size = sum(file.stat().st_size for file in files) / len(files)
        system = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
        print(f"{len(files):,} CT images of {size / 1e6:.2f} MB, {system}", flush=True)
        if options.profile:
            return show_script("profiles.py", str(work), str(work / "study"))
        try:
            _measure(figures, remarks, work, files, options)
        except BaseException:
            # What was measured until then is worth something.
            figures.show()
            raise
    load.append(_load())
    remarks.append(f"Processes at work, of others too: {load[0]:.1f} at the start, {load[1]:.1f} at the end.")
    figures.show()
    print("\n".join(remarks))
    if options.json is not None:
        told = {"system": system, "files": options.files, "large": options.large, "runs": options.runs}
        text = json.dumps(told | {"remarks": remarks, "figures": figures.to_json()}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _measure(
    figures: Figures, remarks: list[str], work: Path, files: Sequence[Path], options: argparse.Namespace
) -> None:
    study, runs = work / "study", options.runs
    peer = find_orthanc()
    if peer is None:
        remarks.append("Orthanc is not installed: there is nothing to compare with.")

    def empty() -> Path:
        """Return a folder in which nothing is of what was measured before."""
        folder = work / "measured"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    measure_importing(figures, empty(), files, runs, peer)
    measure_storing(figures, empty(), files, runs, peer)
    if untold := measure_receiving(figures, empty(), files, runs):
        remarks.append(untold)
    measure_opening(figures, empty(), study, runs)
    measure_showing(figures, empty(), study, runs)
    measure_serving(figures, empty(), runs, peer)
    measure_study_json(figures, empty(), study, runs)
    measure_moving(figures, empty(), study, runs)
    if peer is not None:
        measure_metadata(figures, empty(), files, runs, peer)
    if options.studies:
        measure_searches(figures, empty(), options.studies, runs, peer)
    if options.large:
        measure_library(figures, empty(), options.large, runs)


def _load() -> float:
    """Return how many processes were at work in the last minute; not a number where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


if __name__ == "__main__":
    sys.exit(main())
