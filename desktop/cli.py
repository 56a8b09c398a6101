"""The command line: what can be asked, and the commands that need no window."""

import argparse
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .app import App, start_app
from .displaysets.model import DisplaySet
from .errors import ExitCode, InputError, NegatoscopeError, UsageError
from .library.queries import StudyEntry
from .options import DEFAULT_TIMEOUT, Options
from .paths import find_paths
from .services.importing import ImportJob
from .services.reporting import nothing_viewable, print_json, print_report, printable
from .services.sample import make_sample_study
from .settings import DataSource

WINDOW_COMMANDS = frozenset({"window", "open", "doctor"})
"""Commands that start Qt."""

_EPILOG = """\
Without a command, the window opens; PATHs are imported, and the first study is shown.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing viewable found, 4 timed out.
Not a medical device: do not use it for diagnosis."""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        # An abbreviated --base-dir would not be seen where the command is looked for.
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help")


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of everything, and those of the commands by name."""
    common = _Parser(add_help=False)
    common.add_argument(
        "--base-dir",
        type=_name,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="keep all of the program's own files below DIR",
    )
    common.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="print the log on standard error"
    )
    as_json = _Parser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser = _Parser(
        prog="negatoscope",
        description="Opens DICOM files in OHIF, offline.",
        epilog=_EPILOG,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"negatoscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for command in _COMMANDS:
        parents = [common, as_json] if command.prints_json else [common]
        added = commands.add_parser(command.name, help=command.text, description=command.text, parents=parents)
        if words := command.words:
            kind = _name if words.name == "paths" else str
            added.add_argument(words.name, type=kind, nargs=words.count, metavar=words.metavar, help=words.text)
        command.add_options(added)
    return parser, dict(commands.choices)


@dataclass(frozen=True, slots=True)
class _Words:
    """The words that a command takes besides its options; ``count`` as argparse has it."""

    name: str
    count: str | int
    metavar: str
    text: str


def _no_options(_parser: argparse.ArgumentParser) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Command:
    """One command of the program."""

    name: str
    text: str
    words: _Words | None = _Words("paths", "*", "PATH", "files and folders")
    prints_json: bool = True
    add_options: Callable[[argparse.ArgumentParser], None] = _no_options


def _add_open_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", metavar="UID", help="show this study instead of the first")
    parser.add_argument("--screenshot", metavar="OUT.png", help="save a picture of the window")
    parser.add_argument(
        "--timeout", type=_seconds, default=DEFAULT_TIMEOUT, metavar="S", help="give up after S seconds (120)"
    )
    parser.add_argument(
        "--data-source", choices=[source.value for source in DataSource], help="how OHIF gets the study"
    )


def _add_study_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", metavar="UID", help="a study of the library")


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, metavar="N", help="the port; the next free one if it is taken; 0: any")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")
    return int(text)


def _name(text: str) -> str:
    """An empty name comes of a script's unset variable, and would mean the current or the usual folder."""
    if not text:
        raise argparse.ArgumentTypeError("a name is empty")
    return text


_COMMANDS = (
    _Command("window", "Open the window (what happens without a command).", prints_json=False),
    _Command("open", "Import, show the first study, and say how long it took.", add_options=_add_open_options),
    _Command(
        "import",
        "Import files and folders into the library, and account for every file.",
        _Words("paths", "+", "PATH", "files and folders"),
    ),
    _Command(
        "studies",
        "List the studies of the library, newest first.",
        _Words("query", "*", "QUERY", "words that name, ID, number or date begin with"),
    ),
    _Command("display-sets", "List what would hang in the viewports.", add_options=_add_study_option),
    _Command(
        "serve",
        "Serve the library and OHIF to a browser on this computer, until Ctrl-C.",
        add_options=_add_serve_options,
    ),
    _Command("doctor", "Print versions, folders, graphics and decoders: what a bug report needs.", words=None),
    _Command(
        "sample",
        "Write a study of generated CT images, to try the program with.",
        _Words("paths", 1, "DIR", "a new or empty folder"),
        prints_json=False,
    ),
)


def read_options(arguments: Sequence[str]) -> Options | ExitCode:
    """Read the command line; an exit code if there is nothing more to do."""
    parser, commands = make_parser()
    words = list(arguments)
    first = _first_word(words)
    asks_about = {"-h", "--help", "--version"} & set(words if first is None else words[:1])
    if first not in commands and not asks_about:
        words.insert(0, "window")
    try:
        values = vars(parser.parse_args(words))
    except UsageError as error:
        print(f"negatoscope: {printable(error.sentence)}", file=sys.stderr)
        return ExitCode.USAGE
    except SystemExit as stop:  # --help and --version
        return ExitCode.USAGE if stop.code else ExitCode(_finish_output(ExitCode.DONE))
    values["paths"] = tuple(values.get("paths") or ())
    values["query"] = " ".join(values.get("query") or ())
    if values.get("data_source"):
        values["data_source"] = DataSource(values["data_source"])
    return Options(**values)


def _first_word(words: Sequence[str]) -> str | None:
    """Return the first word that is no option and no option's value; None if there is none, or only behind ``--``."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--":
            return None
        elif word == "--base-dir":
            skip = True
        elif not word.startswith("-"):
            return word
    return None


def guard(options: Options, command: Callable[[Options], int]) -> int:
    """Run a command; what it fails at is told in one sentence."""
    try:
        return _finish_output(command(options))
    except NegatoscopeError as error:
        print(f"negatoscope: {printable(error.sentence)}", file=sys.stderr)
        return error.exit_code
    except sqlite3.Error:
        # Its own words may hold what stands in the library.
        library = printable(str(find_paths(options.base_dir).library))
        print(f"negatoscope: The library {library} is damaged. Delete it and import again.", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.FAILED
    except BrokenPipeError:
        return _finish_output(ExitCode.FAILED)


def _finish_output(code: int) -> int:
    """Return the exit code, or that of a failure if whoever read our output has stopped.

    Python must not find anything left to print when it ends, or it complains.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            code = ExitCode.FAILED
    return code


def run(options: Options) -> int:
    """Run a command that needs no window."""
    if options.command == "sample":
        return _sample(options)
    with start_app(find_paths(options.base_dir), verbose=options.verbose) as app:
        commands: dict[str, Callable[[App, Options], int]] = {
            "import": _import,
            "studies": _studies,
            "display-sets": _display_sets,
            "serve": _serve,
        }
        return commands[options.command](app, options)


def _start_import(app: App, paths: Sequence[str]) -> ImportJob:
    """Start an import whose thread and workers do not hear Ctrl-C: this thread decides what becomes of them.

    A worker that is about to start would print what it was at. What a thread starts inherits its signals.
    """
    if sys.platform == "win32":
        return app.importing.start(paths)
    # Python's own helper of all workers would let Ctrl-C through again when it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return app.importing.start(paths)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _import(app: App, options: Options) -> int:
    report = _start_import(app, options.paths).wait()
    if options.json:
        print_json(report.to_json())
    else:
        print_report(report)
    if report.viewable:
        return ExitCode.DONE
    print(f"negatoscope: {nothing_viewable(report)}", file=sys.stderr)
    return ExitCode.NOTHING_VIEWABLE


def study_to_json(entry: StudyEntry) -> dict[str, Any]:
    """Return a study as ``negatoscope studies --json`` prints it."""
    study, patient = entry.study, entry.patient
    return {
        "StudyInstanceUID": study.StudyInstanceUID,
        "PatientName": patient.PatientName,
        "PatientID": patient.PatientID,
        "PatientBirthDate": patient.PatientBirthDate,
        "PatientSex": patient.PatientSex,
        "StudyDate": study.StudyDate,
        "StudyTime": study.StudyTime,
        "StudyDescription": study.StudyDescription,
        "AccessionNumber": study.AccessionNumber,
        "ModalitiesInStudy": list(entry.ModalitiesInStudy),
        "series": entry.series,
        "instances": entry.instances,
    }


def _studies(app: App, options: Options) -> int:
    entries = app.viewing.studies(options.query)
    if options.json:
        print_json([study_to_json(entry) for entry in entries])
        return ExitCode.DONE
    rows = [
        (
            entry.study.StudyDate,
            entry.patient.PatientName,
            entry.patient.PatientID,
            ",".join(entry.ModalitiesInStudy),
            entry.study.StudyDescription,
            f"{entry.series} series, {entry.instances} images",
            entry.study.StudyInstanceUID,
        )
        for entry in entries
    ]
    _print_table(rows)
    return ExitCode.DONE


def _display_sets(app: App, options: Options) -> int:
    if bool(options.paths) == bool(options.study):
        raise UsageError("Name files and folders, or a study with --study, and not both.")
    if options.study:
        if app.viewing.study(options.study) is None:
            raise InputError("There is no such study in the library. See: negatoscope studies")
        studies: Sequence[str] = (options.study,)
    else:
        report = _start_import(app, options.paths).wait()
        if not options.json or not report.viewable:
            print_report(report)
        studies = report.studies
    sets = [made for uid in studies for made in app.viewing.display_sets(uid)]
    if options.json:
        print_json([made.to_json() for made in sets])
    else:
        _print_table([_display_set_row(made) for made in sets])
    return ExitCode.DONE if sets else ExitCode.NOTHING_VIEWABLE


def _display_set_row(made: DisplaySet) -> tuple[str, ...]:
    said = ", ".join(message.code.name.lower().replace("_", " ") for message in made.messages)
    return (
        str(made.SeriesNumber),
        made.Modality,
        made.label,
        f"{made.numImageFrames or len(made.instances)} images",
        "volume" if made.isReconstructable else "",
        said,
    )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())


def _serve(app: App, options: Options) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    app.serve(options.port)
    server, host = app.require_server()
    url = f"{host.origin}/login?key={server.secrets.make_key()}"
    if options.json:
        print_json({"url": url, "port": host.port, "token": server.secrets.token})
    else:
        print(url, flush=True)
        print("Open this address in a browser; it works once. Ctrl-C ends the server.", file=sys.stderr)
    if options.paths:
        job = _start_import(app, options.paths)
        while not job.join(0.1) and not stop.is_set():
            pass
        if not stop.is_set():
            print_report(job.wait())
    # On Windows, Ctrl-C does not get through to who waits without an end.
    while not stop.wait(0.5):
        pass
    return ExitCode.DONE


def _sample(options: Options) -> int:
    folder = make_sample_study(Path(options.paths[0]))
    print(f"The sample study is in {folder}", file=sys.stderr)
    return ExitCode.DONE
