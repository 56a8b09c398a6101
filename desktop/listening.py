"""``negatoscope pacs listen``: receives into the library until Ctrl-C, and says what comes."""

import queue
import signal
import sys
from dataclasses import asdict, replace
from typing import Any

from .app import App, start_app
from .console import shielded
from .counting import count_of
from .errors import ExitCode, InputError, UsageError
from .events import CallRefused, Event, ObjectsRefused, StudyReceived
from .options import Options, PacsOptions
from .paths import Paths
from .services.reporting import print_json, print_table, printable, study_row, study_to_json
from .settings import Settings

_LOOK_SECONDS = 0.5
_FINISH_SECONDS = 10.0


def listen(options: Options, asked: PacsOptions, paths: Paths) -> int:
    """Receive until the program is told to end.

    Raises:
        UsageError: an option cannot be.
        InputError: another program has the library, or the port cannot be opened.
    """
    with start_app(paths, verbose=options.verbose) as app:
        if not app.owns_library:
            raise InputError(
                "Another Negatoscope has this library open, and only that one can receive. End it, or let it receive: "
                "set listen to true in its settings."
            )
        settings = _settings_of(app.settings, asked)
        ended: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        unsubscribe = app.events.subscribe(ended.put)
        with shielded():
            app.warm_up()
            port = app.receiving.listen(settings)
            app.watch()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.put(None))
        _say_where(settings, port, options)
        while (event := _next(ended)) is not None:
            _say(app, event, options)
        app.receiving.finish(_FINISH_SECONDS)
        unsubscribe()
        while not ended.empty():
            _say(app, ended.get(), options)
    return ExitCode.DONE


def _next(events: "queue.SimpleQueue[Event | None]") -> Event | None:
    while True:
        try:
            # On Windows, Ctrl-C does not get through to who waits without an end.
            return events.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            continue


def _settings_of(settings: Settings, asked: PacsOptions) -> Settings:
    told: dict[str, Any] = {"listen_aet": asked.aet, "listen_port": asked.port, "listen_address": asked.address}
    try:
        return replace(settings, **{name: value for name, value in told.items() if value not in (None, "")})
    except ValueError as error:
        raise UsageError(f"That cannot be: {error}.") from error


def _say_where(settings: Settings, port: int, options: Options) -> None:
    if options.json:
        where = {"aet": settings.listen_aet, "address": settings.listen_address, "port": port}
        print_json({"event": "listening", **where})
    else:
        tls = ", with TLS" if settings.listen_certificate else ""
        print(
            f"Listening as {settings.listen_aet} at {settings.listen_address}, port {port}{tls}. Ctrl-C ends it.",
            file=sys.stderr,
            flush=True,
        )


def _say(app: App, event: Event | None, options: Options) -> None:
    if isinstance(event, StudyReceived):
        _say_study(app, event, options)
    elif isinstance(event, ObjectsRefused):
        if options.json:
            print_json({"event": "objects refused", **asdict(event)})
        else:
            _complain(
                f"{count_of(event.count, 'object')} from {_names(event.senders)} cannot be taken into the library: "
                f"{' '.join(event.reasons)} They are kept in {app.inbox.refused}"
            )
    elif isinstance(event, CallRefused):
        if options.json:
            print_json({"event": "call refused", **asdict(event)})
        else:
            _complain(f"{event.aet or 'Somebody'} at {event.address} was not let in: {event.reason}")


def _say_study(app: App, event: StudyReceived, options: Options) -> None:
    entry = app.viewing.study(event.study_uid)
    if entry is None:
        return
    counts = {"senders": event.senders, "received": event.received}
    counts |= {"duplicates": event.duplicates, "conflicts": event.conflicts}
    if options.json:
        print_json({"event": "study", **counts, **study_to_json(entry)})
        return
    came = f"{count_of(event.received, 'object')} from {_names(event.senders)}"
    if event.duplicates:
        came += f", {event.duplicates:,} of them here before"
    if event.conflicts:
        came += f", {event.conflicts:,} with the UID of another"
    print_table([(came, *study_row(entry))])
    sys.stdout.flush()


def _names(senders: tuple[str, ...]) -> str:
    return ", ".join(sender or "somebody" for sender in senders)


def _complain(text: str) -> None:
    print(f"negatoscope: {printable(text)}", file=sys.stderr, flush=True)
