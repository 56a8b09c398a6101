"""The composition root: builds the services in order, closes them in reverse."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from . import logs
from .displaysets.plugins import find_plugins
from .errors import InputError, SetupError
from .events import Event, Events, LibraryChanged
from .handover import Listener, Ownership, take_ownership
from .importers.reading import ReaderPool
from .library.imports import find_interrupted
from .library.queries import StudyEntry
from .library.store import Store
from .media import library_risk
from .options import Options
from .paths import Paths, find_paths, find_resources
from .pictures.films import Films
from .pictures.service import Pictures
from .private import private_folders, wipe_private
from .server.ohif import DICOM_JSON_SOURCE, DICOM_WEB_SOURCE
from .services.gate import Gate
from .services.holding import Holdings
from .services.importing import Importing, Imports
from .services.inbox import Inbox
from .services.planning import Planning
from .services.preloading import Preloading
from .services.presence import Presence
from .services.requests import RemoteImporting, Requests
from .services.storing import Storing
from .services.viewing import Viewing
from .settings import DataSource, load_settings, save_settings
from .sites import LOOPBACK, ROOT, Site

if TYPE_CHECKING:
    import ssl

    from .server.app import Server
    from .server.host import ServerHost
    from .services.fetching import Fetching
    from .services.querying import Querying
    from .services.receiving import Receiving
    from .services.sending import Sending

log = logging.getLogger(__name__)

_ATTEMPTS, _PAUSE_SECONDS = 3, 0.06


@dataclass(frozen=True, slots=True)
class StudyAddress:
    """Where the viewer shows a study.

    Attributes:
        version: of the study: it grows with each change.
        path: of the address, without the origin.
    """

    study_uid: str
    version: int
    path: str


class App:
    """Everything but the window. Close it, or use it in a ``with`` statement.

    The first program on a library owns it: only that one writes, and receives. Others read, and hand it what is to be
    imported. Closing ends, in this order: the server, the listener, running imports and their workers, the library's
    writer.

    Attributes:
        deaf: why nothing is received, though the settings want it; a sentence, or empty.

    Raises:
        InputError: the settings or the library cannot be used.
    """

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.settings = load_settings(paths.settings)
        self.events = Events()
        self.host: ServerHost | None = None
        self.server: Server | None = None
        self._stack = ExitStack()
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise

    def _build(self) -> None:
        paths = self.paths
        ownership = _take_ownership(paths)
        if ownership is not None:
            self._stack.enter_context(ownership)
        self.owns_library = ownership is not None
        self.store = Store(paths.library, paths.copies, reads_only=not self.owns_library)
        self._stack.callback(self.store.close)
        self._pool = ReaderPool()
        self._stack.callback(self._pool.close)
        gate = Gate()
        local = Importing(self.store, self._pool, self.events, paths.copies, gate)
        self._stack.callback(local.close)
        self.importing: Imports = local if self.owns_library else RemoteImporting(paths.lock, self.store)
        self.holdings = Holdings(
            self.store,
            self._pool,
            self.events,
            paths.copies,
            is_private=paths.is_private,
            is_importing=lambda: local.is_running,
            gate=gate,
        )
        self.presence = Presence(self.store, self.events)
        self._stack.callback(self.presence.close)
        handlers, self.broken_plugins = find_plugins()
        self.viewing = Viewing(self.store, self.presence, handlers)
        self.films = Films(self.store, paths.films)
        self._stack.callback(self.films.close)
        self.pictures = Pictures(self.store)
        self._stack.callback(self.pictures.close)
        self.preloading = Preloading(self.store, self._pool, self.events, paths.copies, lambda: local.is_running)
        self._stack.callback(self.preloading.close)
        self.inbox = Inbox(paths.inbox, local)
        self._stack.callback(self.inbox.close)
        self.storing = Storing(self.store, local, self.holdings, gate, paths.inbox, paths.copies)
        self.deaf = ""
        self.requests = Requests(local)
        if ownership is not None:
            local.note_interrupted()
            self.inbox.remove_parts()
            self._stack.enter_context(Listener(ownership, self.requests.answer))

    # What speaks with other archives is loaded when it is needed: that takes a while, and most starts need none of it.

    @cached_property
    def querying(self) -> "Querying":
        """Searches in other archives."""
        from .services.querying import Querying

        return Querying(self.store)

    @cached_property
    def receiving(self) -> "Receiving":
        """Receives what others send."""
        from .services.receiving import Receiving

        made = Receiving(self.inbox, self.events)
        self._stack.callback(made.close)
        return made

    @cached_property
    def fetching(self) -> "Fetching":
        """Fetches from other archives."""
        from .services.fetching import Fetching

        return Fetching(self.store, self.inbox, self.receiving)

    @cached_property
    def sending(self) -> "Sending":
        """Sends to other archives."""
        from .services.sending import Sending

        return Sending(self.store, self.pictures, self.events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_private(self) -> bool:
        """Whether all of it is wiped at the end."""
        return self.paths.is_private

    def warm_up(self) -> None:
        """Start the workers before there is work, so that an import begins at once."""
        if self.owns_library:
            self._pool.warm_up()

    def watch(self) -> None:
        """Take what comes into the inbox, and see which studies are here, from now on."""
        self.presence.watch()
        if self.owns_library:
            self.inbox.watch()
            self.films.tidy()
            self._stack.callback(self.events.subscribe(self._on_event))
            if self.settings.preload:
                self.preloading.watch()
            # What is sent to a private library would be wiped, while its sender believes that it is kept.
            if self.settings.listen and not self.is_private:
                self._listen()

    def _listen(self) -> None:
        """Receive over the network. That it cannot be is no reason not to start; the window and commands tell it."""
        try:
            self.receiving.listen(self.settings)
        except InputError as error:
            self.deaf = error.sentence

    def _on_event(self, event: Event) -> None:
        if isinstance(event, LibraryChanged):
            self.films.tidy()

    def serve(
        self,
        port: int | None = None,
        resources: Path | None = None,
        *,
        site: Site = ROOT,
        address: str = LOOPBACK,
        tls: "ssl.SSLContext | None" = None,
    ) -> "ServerHost":
        """Start the server.

        Args:
            port: tried first, then its neighbours; None for the one of the last time.
            resources: where OHIF is; None for its place.
            site: how it is reached from outside.
            address: of this computer, on which it listens.
            tls: for HTTPS.

        Raises:
            SetupError: OHIF's files are missing, or no port could be opened.
        """
        # What it stands on takes longer to load than most commands take, and most commands serve nothing.
        from .server.app import Server
        from .server.host import ServerHost
        from .server.userconfig import UserFile

        named = self.settings.ohif_config
        user = UserFile(self.paths.config / named if named else self.paths.ohif_config, is_wanted=bool(named))
        plans = Planning(self.store, self.viewing)
        self.server = Server(
            self.store, plans, self.films, self.pictures, self.storing, resources or find_resources(), user, site
        )
        self._stack.callback(self.server.close)
        number = self.settings.port if port is None else port
        self.host = ServerHost(self.server.app, number, address=address, tls=tls)
        self._stack.callback(self.host.close)
        if port is None and self.host.port != self.settings.port:
            # OHIF keeps its preferences by origin, and the port is part of it. That is no reason not to serve.
            try:
                self.settings = save_settings(self.paths.settings, port=self.host.port)
            except InputError:
                log.warning("the port could not be kept")
        return self.host

    def viewer_address(
        self, entry: StudyEntry, source: DataSource | None = None, mode: str | None = None
    ) -> StudyAddress:
        """Return where the viewer shows a study, in a mode of its own or in the one that fits it."""
        uid, version = entry.study.StudyInstanceUID, entry.version
        opening = self.viewing.opening(uid)
        if (source or self.settings.data_source) is DataSource.DICOM_WEB:
            name, query = DICOM_WEB_SOURCE, f"StudyInstanceUIDs={uid}"
        else:
            # OHIF remembers what it got from an address; the version makes it ask again after a change.
            url = quote(f"/studies/{uid}/ohif-dicom-json?v={version}", safe="")
            name, query = DICOM_JSON_SOURCE, f"url={url}"
        if opening.hanging_protocol and mode in (None, opening.mode):
            query += f"&hangingProtocolId={quote(opening.hanging_protocol, safe='')}"
        return StudyAddress(uid, version, f"/{mode or opening.mode}/{name}?{query}")

    def require_server(self) -> "tuple[Server, ServerHost]":
        """Return the running server."""
        if self.server is None or self.host is None:
            raise SetupError("The local server is not running.")
        return self.server, self.host

    def close(self) -> None:
        """End everything. May be called twice."""
        self._stack.close()


def _take_ownership(paths: Paths) -> Ownership | None:
    """Become the owner of the library. Another program may have asked for it for a moment only, to see who has it."""
    for _ in range(_ATTEMPTS - 1):
        ownership = take_ownership(paths.lock)
        if ownership is not None:
            return ownership
        time.sleep(_PAUSE_SECONDS)
    return take_ownership(paths.lock)


def make_folders(paths: Paths) -> None:
    """Make the program's folders.

    Raises:
        SetupError: one of them cannot be made.
    """
    try:
        paths.make()
    except OSError as error:
        raise SetupError(
            f"The folder {error.filename} cannot be made: {error.strerror}. Choose another with --base-dir."
        ) from error


@contextmanager
def find_folders(options: Options) -> Iterator[Paths]:
    """Return the program's folders; in private mode some that are wiped at the end.

    Raises:
        SetupError: they cannot be made.
    """
    paths = find_paths(options.base_dir)
    wipe_private(paths)
    if options.private:
        with private_folders(paths) as private:
            yield private
    else:
        yield paths


def find_warnings(app: App) -> list[str]:
    """Return what is to be said of the library when the program starts, in sentences."""
    warnings = []
    risk = library_risk(app.paths.data)
    if risk is not None:
        warnings.append(risk)
    interrupted = find_interrupted(app.store.reader())
    if interrupted is not None:
        warnings.append(
            "The last import was interrupted. Nothing that was read is lost. Importing the same again reads the rest."
        )
    if app.deaf:
        warnings.append(app.deaf)
    warnings += [
        f"The handlers of {name} cannot be loaded. The log says where they fail. Without them, others show the images."
        for name in app.broken_plugins
    ]
    return warnings


def start_app(paths: Paths, *, verbose: bool = False) -> App:
    """Make the folders, start the log, and build the application."""
    make_folders(paths)
    logs.start_logging(paths.log, verbose=verbose)
    logs.hide((str(Path.home()),))
    return App(paths)
