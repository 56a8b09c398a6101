"""The command line: what can be asked, and the commands that need no window."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from . import __version__, arguments, pacsarguments
from .app import App, find_folders, find_warnings, start_app
from .arguments import Parser
from .console import Meter, Passwords, start_import
from .counting import count_of
from .displaysets.model import DisplaySet
from .displaysets.modes import DEFAULT_MODE, MODES
from .errors import ExitCode, InputError, NegatoscopeError, UsageError
from .handover import OwnerEnded
from .importers.keeping import Keep
from .importers.report import ImportReport
from .library.schema import DAMAGE
from .managing import LIBRARY_ACTIONS, manage_library
from .options import DEFAULT_TIMEOUT, Options, PacsOptions
from .paths import Paths, find_paths
from .services.importing import ImportAsk
from .services.lists import report_csv, save_csv, studies_csv
from .services.reporting import (
    nothing_viewable,
    print_json,
    print_report,
    print_table,
    printable,
    printable_csv,
    study_row,
    study_to_json,
)
from .serving import serve_library
from .settings import DataSource

WINDOW_COMMANDS = frozenset({"window", "open", "doctor"})
"""Commands that start Qt."""

_ATTEMPTS = 5

_EPILOG = """\
Without a command, the window opens; PATHs are imported, and the first study is shown.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing viewable found, 4 timed out.
Not a medical device: do not use it for diagnosis."""


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of everything, and those of the commands by name, and of their actions by both names."""
    common = Parser(add_help=False)
    common.add_argument(
        "--base-dir",
        type=arguments.name,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="keep all of the program's own files below DIR",
    )
    common.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="print the log on standard error"
    )
    common.add_argument(
        "--private",
        action="store_true",
        default=argparse.SUPPRESS,
        help="use an empty library that is wiped at the end",
    )
    as_json = Parser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser = Parser(
        prog="negatoscope",
        description="Opens DICOM files in OHIF, offline.",
        epilog=_EPILOG,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"negatoscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    made: dict[str, argparse.ArgumentParser] = {}
    for command in _COMMANDS:
        parents = [common, as_json] if command.prints_json else [common]
        added = commands.add_parser(command.name, help=command.text, description=command.text, parents=parents)
        if words := command.words:
            kind = arguments.name if words.name == "paths" else str
            added.add_argument(words.name, type=kind, nargs=words.count, metavar=words.metavar, help=words.text)
        command.add_options(added)
        if command.add_actions is not None:
            actions = command.add_actions(added, [common, as_json])
            made |= {f"{command.name} {name}": action for name, action in actions.items()}
        made[command.name] = added
    return parser, made


@dataclass(frozen=True, slots=True)
class _Words:
    """The words that a command takes besides its options; ``count`` as argparse has it."""

    name: str
    count: str | int
    metavar: str
    text: str


_AddActions = Callable[[Parser, list[Parser]], Mapping[str, Parser]]


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
    add_actions: _AddActions | None = None


def _add_open_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", metavar="UID", help="show this study instead of the first")
    parser.add_argument("--screenshot", metavar="OUT.png", help="save a picture of the window")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=DEFAULT_TIMEOUT, metavar="S", help="give up after S seconds (120)"
    )
    parser.add_argument(
        "--data-source", choices=[source.value for source in DataSource], help="how OHIF gets the study"
    )
    _add_mode_option(parser)


def _add_display_sets_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", metavar="UID", help="a study of the library")
    _add_mode_option(parser)


def _add_mode_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mode", choices=MODES, metavar="MODE", help="of the viewer, one of: " + ", ".join(MODES))


def _add_import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--copy", action="store_true", help="copy the files into the library")
    parser.add_argument("--csv", metavar="OUT.csv", help="save what is to be said of single files")
    parser.add_argument(
        "--password-file", metavar="FILE", help="read the password of ZIP archives from FILE; -: standard input"
    )


def _add_studies_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", action="store_true", dest="as_csv", help="print the list as CSV")


def _add_library_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=LIBRARY_ACTIONS, metavar="ACTION", help="one of: " + ", ".join(LIBRARY_ACTIONS)
    )
    parser.add_argument("--study", metavar="UID", help="forget, delete, charset, preload: a study of the library")
    parser.add_argument(
        "--charset", metavar="TERM", help="charset: as of Specific Character Set; empty: what the files say"
    )
    parser.add_argument("--number", type=arguments.number, metavar="N", help="report: of which import; the last one")
    parser.add_argument("--csv", metavar="OUT.csv", help="report: save it as CSV")
    parser.add_argument("--full", action="store_true", help="check: read every copy whole")
    parser.add_argument("--yes", action="store_true", help="delete: do not ask")
    parser.add_argument("--permanently", action="store_true", help="delete: do not use the system's trash")


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=arguments.port, metavar="N", help="the port; the next free one if it is taken; 0: any"
    )
    parser.add_argument("--address", metavar="A", help="of this computer, to be reached from others; with HTTPS only")
    parser.add_argument(
        "--certificate", type=arguments.name, metavar="FILE", help="serve HTTPS with this certificate (PEM)"
    )
    parser.add_argument(
        "--key", type=arguments.name, metavar="FILE", help="the certificate's private key, if it is not in its file"
    )
    parser.add_argument(
        "--self-signed", action="store_true", help="serve HTTPS with a certificate of the program's own"
    )
    parser.add_argument("--public-url", metavar="URL", help="the address under which a proxy shows the server")
    parser.add_argument("--router-basename", metavar="PATH", help="the path below which a proxy shows the server")


_COMMANDS = (
    _Command("window", "Open the window (what happens without a command).", prints_json=False),
    _Command("open", "Import, show the first study, and say how long it took.", add_options=_add_open_options),
    _Command(
        "import",
        "Import files and folders into the library, and account for every file.",
        _Words("paths", "+", "PATH", "files, folders and ZIP archives"),
        add_options=_add_import_options,
    ),
    _Command(
        "studies",
        "List the studies of the library, newest first.",
        _Words("query", "*", "QUERY", "words that name, ID, number or date begin with"),
        add_options=_add_studies_options,
    ),
    _Command(
        "library",
        "Check, mend and tidy the library: imports and their reports, studies to forget or delete.",
        words=None,
        add_options=_add_library_options,
    ),
    _Command("display-sets", "List what would hang in the viewports.", add_options=_add_display_sets_options),
    _Command(
        "serve",
        "Serve the library and OHIF to a browser on this computer, until Ctrl-C.",
        add_options=_add_serve_options,
    ),
    _Command(
        "pacs",
        "Archives: add them, test them, search in them.",
        words=None,
        prints_json=False,
        add_actions=pacsarguments.add_actions,
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
        values = vars(parser.parse_args(pacsarguments.join_dates(words)))
    except UsageError as error:
        print(f"negatoscope: {printable(error.sentence)}", file=sys.stderr)
        return ExitCode.USAGE
    except SystemExit as stop:  # --help and --version
        return ExitCode.USAGE if stop.code else ExitCode(_finish_output(ExitCode.DONE))
    if values["command"] == "pacs":
        own = {field.name for field in fields(PacsOptions)}
        asked = {name: values.pop(name) for name in tuple(values) if name in own}
        return Options(**values, pacs=PacsOptions(**asked | {"nodes": tuple(asked.get("nodes", ()))}))
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
    except DAMAGE:
        # Its own words may hold what stands in the library.
        library = printable(str(find_paths(options.base_dir).library))
        print(f"negatoscope: The library {library} is damaged. Mend it: negatoscope library rebuild", file=sys.stderr)
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


def _manage_nodes(options: Options, paths: Paths) -> int:
    # It takes long to load, and most commands do without.
    from .networking import manage_nodes

    return manage_nodes(options, paths)


_MANAGED = {"library": manage_library, "pacs": _manage_nodes}
"""Commands that build what they need by themselves."""


def run(options: Options) -> int:
    """Run a command that needs no window."""
    if options.command == "sample":
        return _sample(options)
    with find_folders(options) as paths:
        if options.command in _MANAGED:
            return _MANAGED[options.command](options, paths)
        for _ in range(_ATTEMPTS - 1):
            try:
                return _run(options, paths)
            except OwnerEnded:
                # The program that had the library has ended just now. This one takes its place.
                continue
        return _run(options, paths)


def _run(options: Options, paths: Paths) -> int:
    commands: dict[str, Callable[[App, Options], int]] = {
        "import": _import,
        "studies": _studies,
        "display-sets": _display_sets,
        "serve": serve_library,
    }
    with start_app(paths, verbose=options.verbose) as app:
        for sentence in find_warnings(app):
            print(f"negatoscope: {printable(sentence)}", file=sys.stderr)
        code = commands[options.command](app, options)
        app.requests.wait()
        return code


def _run_import(app: App, ask: ImportAsk) -> ImportReport:
    """Import, and on Ctrl-C come to an end in good order: what is read stays, and the account is given."""
    job = start_import(app, ask)
    while not job.join(0.2):
        try:
            job.join(3600.0)
        except KeyboardInterrupt:
            if job.cancelled:
                raise
            job.cancel()
    return job.wait()


def _import(app: App, options: Options) -> int:
    if options.password_file is not None and not app.owns_library:
        raise InputError(
            "Another Negatoscope has this library open, and no password can be handed to it. "
            "Open the archive there, or end it."
        )
    passwords = Passwords(options.password_file)
    keep = Keep.COPY if options.copy else Keep.IN_PLACE
    with Meter() as meter:
        report = _run_import(app, ImportAsk(options.paths, keep, meter.show, ask_password=passwords.ask))
    if options.csv:
        save_csv(Path(options.csv), report_csv(report.reasons))
    if options.json:
        print_json(report.to_json())
    else:
        print_report(report)
    if report.trouble or report.cancelled:
        return ExitCode.FAILED
    if report.viewable:
        return ExitCode.DONE
    print(f"negatoscope: {nothing_viewable(report)}", file=sys.stderr)
    return ExitCode.NOTHING_VIEWABLE


def _studies(app: App, options: Options) -> int:
    if options.as_csv and options.json:
        raise UsageError("Choose --csv or --json.")
    app.presence.watch()
    app.presence.wait()
    entries = app.viewing.studies(options.query)
    if options.as_csv:
        sys.stdout.write(printable_csv(studies_csv(entries)))
    elif options.json:
        print_json([study_to_json(entry) for entry in entries])
    else:
        print_table([study_row(entry) for entry in entries])
    return ExitCode.DONE


def _display_sets(app: App, options: Options) -> int:
    if bool(options.paths) == bool(options.study):
        raise UsageError("Name files and folders, or a study with --study, and not both.")
    if options.study:
        if app.viewing.study(options.study) is None:
            raise InputError("There is no such study in the library. See: negatoscope studies")
        studies: Sequence[str] = (options.study,)
    else:
        report = _run_import(app, ImportAsk(options.paths))
        if not options.json or not report.viewable:
            print_report(report)
        studies = report.studies
    mode = options.mode or DEFAULT_MODE.name
    sets = [made for uid in studies for made in app.viewing.display_sets(uid, mode)]
    if options.json:
        print_json([made.to_json() for made in sets])
    else:
        for uid in studies:
            _print_sets(app, uid, [made for made in sets if made.StudyInstanceUID == uid])
    return ExitCode.DONE if sets else ExitCode.NOTHING_VIEWABLE


_SETS_HEAD = ("series", "modality", "label", "holds", "of its series are shown", "volume", "said of it")


def _print_sets(app: App, study_uid: str, sets: Sequence[DisplaySet]) -> None:
    entry = app.viewing.study(study_uid)
    if entry is not None:
        said = (entry.patient.PatientName, entry.patient.PatientID, entry.study.StudyDate, entry.study.StudyDescription)
        print(printable(" · ".join(filter(None, (*said, study_uid)))))
    print_table([_SETS_HEAD, *(_display_set_row(made) for made in sets)])


def _display_set_row(made: DisplaySet) -> tuple[str, ...]:
    images, objects = made.numImageFrames, len(made.instances)
    return (
        str(made.SeriesNumber),
        made.Modality,
        made.label,
        count_of(images, "image") if images else count_of(objects, "object"),
        made.coverage,
        "yes" if made.isReconstructable else "",
        ", ".join(message.code.name.lower().replace("_", " ") for message in made.messages),
    )


def _sample(options: Options) -> int:
    # pydicom, which it needs, takes longer to load than most commands take.
    from .services.sample import make_sample_study

    folder = make_sample_study(Path(options.paths[0]))
    print(f"The sample study is in {folder}", file=sys.stderr)
    return ExitCode.DONE
