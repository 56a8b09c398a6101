"""What can be done with a study of the list."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from ...app import App
from ...dicom.memberpaths import outermost
from ...errors import NegatoscopeError
from ...importers.keeping import Keep
from ...jobs import Job
from ...library.forgetting import find_stored_files
from ...library.queries import StudyEntry
from ..bridge import Bridge
from ..questions import ask_charset, confirm_delete, confirm_forget
from ..theme import as_plain


class StudyActions(QObject):
    """A menu for one study.

    Args:
        say: shows a sentence.
        open_study: shows a study, given its UID.
        import_paths: imports files.
    """

    def __init__(
        self,
        app: App,
        bridge: Bridge,
        parent: QWidget,
        *,
        say: Callable[[str], None],
        open_study: Callable[[str], None],
        import_paths: Callable[[list[str], Keep], object],
    ) -> None:
        super().__init__(parent)
        self._app = app
        self._bridge = bridge
        self._window = parent
        self._say = say
        self._open = open_study
        self._import = import_paths
        self._job: Job[None, None] | None = None

    def show_menu(self, entry: StudyEntry, at: QPoint) -> None:
        """Show the menu at a place of the screen."""
        menu = self.make_menu(entry)
        menu.exec(at)
        menu.deleteLater()

    def make_menu(self, entry: StudyEntry) -> QMenu:
        """Return the menu for a study."""
        uid = entry.study.StudyInstanceUID
        holding = self._app.holdings.holding(uid)
        menu = QMenu(self._window)
        menu.addAction("Open", lambda: self._open(uid)).setEnabled(not entry.away)
        menu.addSeparator()
        copy = menu.addAction("Copy into the library", lambda: self.copy(uid))
        copy.setEnabled(bool(holding.in_place) and not entry.away)
        menu.addAction("Character set…", lambda: self.choose_charset(uid)).setEnabled(not entry.away)
        menu.addSeparator()
        if holding.copies:
            menu.addAction("Delete…", lambda: self.delete(uid))
        else:
            menu.addAction("Forget…", lambda: self.forget(uid))
        return menu

    def copy(self, study_uid: str) -> None:
        """Copy a study's files into the library."""
        files = find_stored_files(self._app.store.reader(), study_uid)
        self._import(list(dict.fromkeys(outermost(item.file.path) for item in files if item.copy is None)), Keep.COPY)

    def forget(self, study_uid: str) -> None:
        """Drop a study from the list, if the user really wants to."""
        if confirm_forget(self._window, self._app.holdings.holding(study_uid)):
            self._try(lambda: self._app.holdings.forget(study_uid))
            self._say("The study is forgotten. Its files are where they were.")

    def delete(self, study_uid: str) -> None:
        """Delete the library's copies of a study, if the user really wants to."""
        holding = self._app.holdings.holding(study_uid)
        if not confirm_delete(self._window, holding, permanently=False):
            return
        self._run("Deleting…", "The study is deleted.", lambda: self._app.holdings.delete(study_uid))

    def choose_charset(self, study_uid: str) -> None:
        """Read a study again in other letters."""
        charset = ask_charset(self._window)
        if charset is not None:
            self._run(
                "Reading again…",
                "The study was read again.",
                lambda: self._app.holdings.set_charset(study_uid, charset),
            )

    def close(self) -> None:
        """Wait a little for what runs."""
        if self._job is not None:
            self._job.join(2.0)

    def _run(self, begun: str, done: str, work: Callable[[], object]) -> None:
        """Do in another thread what may take a while."""

        def end(job: Job[None, None]) -> None:
            said = str(job.error) if job.error is not None else done
            self._bridge.post(lambda: self._say(said))

        self._say(begun)
        self._job = Job("study", lambda _job: _drop(work()), on_end=end)
        self._job.start()

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except NegatoscopeError as error:
            QMessageBox.warning(self._window, "Negatoscope", as_plain(error.sentence))


def _drop(_result: object) -> None:
    """What it gave is in the library."""
