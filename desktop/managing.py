"""``negatoscope library``: what is asked of the library itself."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from . import logs
from .app import App, make_folders, start_app
from .counting import count_of, files_stay
from .errors import ExitCode, InputError, UsageError
from .importers.keeping import digest_of
from .library.checking import check_library
from .library.imports import find_imports, get_import
from .options import Options
from .paths import Paths
from .services.lists import report_csv, save_csv
from .services.rebuilding import rebuild
from .services.reporting import print_json, print_outcomes, print_table, printable, study_to_json

_OPTIONS: dict[str, frozenset[str]] = {
    "check": frozenset({"full"}),
    "rebuild": frozenset(),
    "imports": frozenset(),
    "report": frozenset({"number", "csv"}),
    "forget": frozenset({"study"}),
    "delete": frozenset({"study", "yes", "permanently"}),
    "charset": frozenset({"study", "charset"}),
    "preload": frozenset({"study"}),
}
"""The options of each action."""

LIBRARY_ACTIONS = tuple(_OPTIONS)


def manage_library(options: Options, paths: Paths) -> int:
    """Run one of :data:`LIBRARY_ACTIONS`.

    Raises:
        UsageError: an option is another action's.
    """
    for option in sorted(frozenset().union(*_OPTIONS.values()) - _OPTIONS[options.action]):
        if getattr(options, option) not in (None, False):
            raise UsageError(f"library {options.action} has no option --{option}. See: negatoscope library --help")
    if options.action == "rebuild":
        return _rebuild(options, paths)
    actions: dict[str, Callable[[App, Options], int]] = {
        "check": _check,
        "imports": _imports,
        "report": _report,
        "forget": _forget,
        "delete": _delete,
        "charset": _charset,
        "preload": _preload,
    }
    with start_app(paths, verbose=options.verbose) as app:
        return actions[options.action](app, options)


def _check(app: App, options: Options) -> int:
    report = check_library(app.store.reader(), app.paths.copies, digest_of if options.full else None)
    if options.json:
        print_json(
            {
                "studies": report.studies,
                "instances": report.instances,
                "copies": report.copies,
                "away": report.away,
                "faults": list(report.faults),
            }
        )
    else:
        print(f"{report.studies:,} studies, {report.instances:,} images, {report.copies:,} of them copied.")
        if report.away:
            print(f"{report.away:,} images are not here now: their medium is out, or their files were moved.")
        for fault in report.faults:
            print(f"Fault: {printable(fault)}")
        if not report.faults:
            print("The library is sound.")
    return ExitCode.FAILED if report.faults else ExitCode.DONE


def _rebuild(options: Options, paths: Paths) -> int:
    make_folders(paths)
    logs.start_logging(paths.log, verbose=options.verbose)
    report = rebuild(paths)
    if options.json:
        print_json({**asdict(report), "before": None if report.before is None else str(report.before)})
    else:
        print(f"{report.read:,} files were read again, {report.kept:,} that are not here now were kept as they were.")
        if report.lost:
            print(f"{report.lost:,} files could not be taken over. Import their folders again.")
        if report.damaged:
            print("The library was damaged. It may have held more. Import your folders again, to be sure.")
        if report.before:
            print(f"The library as it was: {printable(str(report.before))}. Delete it when all is well.")
    return ExitCode.FAILED if report.lost else ExitCode.DONE


def _imports(app: App, options: Options) -> int:
    entries = find_imports(app.store.reader())
    if options.json:
        print_json(
            [
                {
                    "number": entry.number,
                    "started": entry.started,
                    "state": entry.state.value,
                    "sources": list(entry.sources),
                    "copied": entry.copied,
                    "seconds": round(entry.seconds, 3),
                    **{outcome.value: count for outcome, count in entry.counts.items()},
                }
                for entry in entries
            ]
        )
        return ExitCode.DONE
    rows = []
    for entry in entries:
        counts = ", ".join(f"{count:,} {outcome.value}" for outcome, count in entry.counts.items() if count)
        rows.append((str(entry.number), entry.started, entry.state.value, counts, ", ".join(entry.sources)))
    print_table(rows)
    return ExitCode.DONE


def _report(app: App, options: Options) -> int:
    number = options.number
    if number is None:
        number = max((entry.number for entry in find_imports(app.store.reader())), default=0)
    found = get_import(app.store.reader(), number)
    if found is None:
        raise InputError("There is no such import. See: negatoscope library imports")
    entry, outcomes = found
    if options.csv:
        save_csv(Path(options.csv), report_csv(outcomes))
    if options.json:
        print_json([item.to_json() for item in outcomes])
    elif not options.csv:
        if entry.trouble:
            print(printable(entry.trouble), file=sys.stderr)
        print_outcomes(outcomes, sys.stdout)
    return ExitCode.DONE


def _study_of(options: Options) -> str:
    if not options.study:
        raise UsageError("Name a study with --study. See: negatoscope studies")
    return options.study


def _forget(app: App, options: Options) -> int:
    holding = app.holdings.forget(_study_of(options))
    if options.json:
        print_json(asdict(holding))
    print(f"Forgotten. {files_stay(holding.in_place)}.", file=sys.stderr)
    return ExitCode.DONE


def _delete(app: App, options: Options) -> int:
    study_uid = _study_of(options)
    holding = app.holdings.holding(study_uid)
    where = "for good" if options.permanently or app.is_private else "into the trash"
    go = f"{count_of(holding.copies, 'copy', 'copies')} {'goes' if holding.copies == 1 else 'go'} {where}"
    said = f"{go}; {files_stay(holding.in_place)}."
    if not options.yes and not _confirm(said):
        print("Nothing was deleted.", file=sys.stderr)
        return ExitCode.FAILED
    gone = app.holdings.delete(study_uid, permanently=options.permanently)
    if options.json:
        print_json(asdict(gone))
    print(said, file=sys.stderr)
    return ExitCode.DONE


def _confirm(said: str) -> bool:
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError(f"{said} Say --yes to do it.")
    print(f"{said} Delete? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def _charset(app: App, options: Options) -> int:
    if options.charset is None:
        raise UsageError("Name a character set with --charset, such as --charset 'ISO_IR 101'.")
    study_uid = _study_of(options)
    app.holdings.set_charset(study_uid, options.charset)
    if options.json:
        entry = app.viewing.study(study_uid)
        print_json(None if entry is None else study_to_json(entry))
    print("The study was read again.", file=sys.stderr)
    return ExitCode.DONE


def _preload(app: App, options: Options) -> int:
    if options.study and app.viewing.study(options.study) is None:
        raise InputError("There is no such study in the library. See: negatoscope studies")
    report = app.preloading.run(options.study)
    if options.json:
        print_json(asdict(report))
    else:
        print(f"{count_of(report.studies, 'study was', 'studies were')} prepared.")
        if report.read:
            print(f"{count_of(report.read, 'file was', 'files were')} read again.")
        if report.away:
            print(f"{report.away:,} files of an older library are not here now, or have changed. Import them again.")
    return ExitCode.DONE
