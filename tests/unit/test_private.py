"""Private sessions: what they leave is wiped, and only that."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from builders import make_stack
from server.asking import add

from desktop import logs, private
from desktop.app import App, find_folders, start_app
from desktop.errors import SetupError
from desktop.handover import take_ownership
from desktop.options import Options
from desktop.paths import Paths, find_paths
from desktop.private import private_folders, wipe_private

SECONDS = 30

SESSION = """
import sys, time
from desktop.paths import find_paths
from desktop.private import private_folders

with private_folders(find_paths(sys.argv[1])) as paths:
    paths.make()
    (paths.data / "patient").write_text("secret")
    print(paths.data, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(tmp_path / "base").make()


def below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def start_session(paths: Paths) -> "tuple[subprocess.Popen[str], Path]":
    """Start a private session in another process; return it and its data folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(paths.data.parent)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    data = Path(process.stdout.readline().strip())
    assert (data / "patient").exists()
    return process, data


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait(SECONDS)
    assert process.stdout is not None
    process.stdout.close()


def test_everything_but_the_settings_is_private(paths: Paths) -> None:
    with private_folders(paths) as own:
        assert own.is_private
        assert not paths.is_private
        assert own.settings == paths.settings
        for folder in (own.data, own.cache, own.logs, own.library, own.lock, own.copies, own.inbox, own.web_profile):
            assert paths.private in folder.parents
        own.make()
        if os.name != "nt":
            assert (own.data.parent.stat().st_mode & 0o077, own.data.stat().st_mode & 0o077) == (0, 0)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError, SystemExit])
def test_nothing_is_left_however_it_ends(paths: Paths, error: type[BaseException] | None) -> None:
    before = below(paths.data.parent)

    def run() -> None:
        with private_folders(paths) as own:
            own.make()
            (own.data / "deep" / "deeper").mkdir(parents=True)
            (own.data / "deep" / "deeper" / "patient").write_text("secret")
            if error is not None:
                raise error

    if error is None:
        run()
    else:
        with pytest.raises(error):
            run()
    assert below(paths.data.parent) == before


def test_what_a_link_leads_to_is_not_wiped(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    with private_folders(paths) as own:
        own.make()
        (own.data / "link").symlink_to(tmp_path / "mine", target_is_directory=True)
    assert (tmp_path / "mine" / "file").read_text() == "kept"
    assert not paths.private.exists()


def test_a_session_that_was_killed_is_wiped_by_the_next_start(paths: Paths) -> None:
    process, data = start_session(paths)
    try:
        wipe_private(paths)
        assert (data / "patient").exists()
    finally:
        end(process)
    assert (data / "patient").exists()
    wipe_private(paths)
    assert not paths.private.exists()


def test_sessions_do_not_wipe_one_another(paths: Paths) -> None:
    process, data = start_session(paths)
    try:
        with private_folders(paths) as one, private_folders(paths) as other:
            assert len({data, one.data, other.data}) == 3
            one.make()
            other.make()
            wipe_private(paths)
            assert (data / "patient").exists()
            assert one.data.is_dir()
            assert other.data.is_dir()
        assert (data / "patient").exists()
    finally:
        end(process)
    wipe_private(paths)
    assert not paths.private.exists()


def test_many_sessions_at_once_never_lose_theirs(paths: Paths) -> None:
    lost: list[str] = []

    def run() -> None:
        for _ in range(15):
            try:
                with private_folders(paths) as own:
                    own.make()
                    (own.data / "mine").write_text("x")
                    wipe_private(paths)
                    if not (own.data / "mine").exists():
                        lost.append("wiped")
            except SetupError:
                # It may have met somebody who tidied up; nothing was begun.
                continue

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert lost == []
    wipe_private(paths)
    assert not paths.private.exists()


def test_one_who_is_wiped_before_it_has_begun_says_so(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def take_late(path: Path) -> object:
        ownership = take_ownership(path)
        path.unlink()
        return ownership

    with monkeypatch.context() as patch:
        patch.setattr(private, "take_ownership", take_late)
        with pytest.raises(SetupError, match="Try again"), private_folders(paths):
            pass
    assert not paths.private.exists()


def test_nothing_to_wipe_is_no_trouble(paths: Paths) -> None:
    before = below(paths.data.parent)
    wipe_private(paths)
    assert below(paths.data.parent) == before


def test_what_is_none_of_ours_stays(paths: Paths) -> None:
    paths.private.mkdir()
    (paths.private / "mine.txt").write_text("kept")
    wipe_private(paths)
    assert (paths.private / "mine.txt").read_text() == "kept"


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SetupError, match="No private folder can be made"),
        private_folders(find_paths(tmp_path / "file")),
    ):
        pass


def test_a_whole_program_in_private_leaves_the_library_alone(paths: Paths, tmp_path: Path) -> None:
    with App(paths) as app:
        add(app, make_stack(tmp_path / "mine", 1))
    before = {path: path.read_bytes() for path in below(paths.data.parent) if path.is_file()}
    options = Options("studies", base_dir=str(paths.data.parent), private=True)
    with find_folders(options) as own, start_app(own) as app:
        assert app.is_private
        assert app.owns_library
        assert app.viewing.studies() == []
        add(app, make_stack(tmp_path / "theirs", 2, PatientName="Secretive^Hilda"))
        logging.getLogger("desktop").warning("something is said")
        assert own.log.exists()
        (entry,) = app.viewing.studies()
        assert entry.patient.PatientName == "Secretive^Hilda"
    # Who still speaks is heard nowhere, and makes no file anew.
    logging.getLogger("desktop").warning("too late")
    assert not any(handler.get_name() == "negatoscope" for handler in logging.getLogger().handlers)
    assert {path: path.read_bytes() for path in below(paths.data.parent) if path.is_file()} == before
    logs.stop_logging()


def test_a_start_that_is_not_private_wipes_too(paths: Paths) -> None:
    process, data = start_session(paths)
    end(process)
    with find_folders(Options("studies", base_dir=str(paths.data.parent))) as own:
        assert not own.is_private
        assert not data.exists()
    assert not paths.private.exists()
