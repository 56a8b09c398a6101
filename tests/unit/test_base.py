"""The lowest rings: settings, paths, logs, events, jobs."""

import json
import logging
import threading
from pathlib import Path

import pytest

from desktop import logs
from desktop.errors import InputError
from desktop.events import Event, Events, LibraryChanged
from desktop.jobs import Job, JobState
from desktop.paths import find_paths, find_resources
from desktop.settings import DataSource, Settings, load_settings, save_settings

# Settings


def test_no_file_gives_the_defaults(tmp_path: Path):
    assert load_settings(tmp_path / "nothing.json") == Settings()


def test_settings_come_back_and_unknown_ones_stay(tmp_path: Path):
    path = tmp_path / "config" / "settings.json"
    path.parent.mkdir()
    path.write_text('{"of_a_newer_version": [1], "data_source": "dicom-web"}')
    assert save_settings(path, port=4711) == Settings(DataSource.DICOM_WEB, 4711)
    assert load_settings(path) == Settings(DataSource.DICOM_WEB, 4711)
    assert json.loads(path.read_text())["of_a_newer_version"] == [1]
    assert [file.name for file in path.parent.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "1", '{"data_source": "x"}', '{"port": -1}', '{"port": "80"}', '{"port": 70000}', "\x00"]
)
def test_a_broken_file_is_told_by_name(tmp_path: Path, text: str):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"settings\.json .* Mend or delete it"):
        load_settings(path)


# Paths


def test_base_dir_moves_everything(tmp_path: Path):
    paths = find_paths(tmp_path / "b").make()
    for path in (paths.settings, paths.library, paths.web_profile, paths.web_cache, paths.log):
        assert tmp_path / "b" in path.parents
    assert paths.data.is_dir()


def test_the_environment_moves_everything_too(base_dir: Path):
    assert base_dir in find_paths().library.parents
    assert base_dir not in find_paths(base_dir.parent / "other").library.parents


def test_resources_are_there():
    assert (find_resources() / "extension" / "negatoscope.js").is_file()


# Logs


def test_names_uids_and_folders_are_blotted_out(tmp_path: Path):
    file = tmp_path / "x.log"
    logs.start_logging(file)
    logs.hide(["Doe^Jane", "/media/DOE JANE", "A1"])
    log = logging.getLogger("test")
    log.warning("seen %s of %s at %s", "Jane", "1.2.840.113619.2.55", "/media/DOE JANE/x")
    try:
        raise ValueError("Doe in 1.2.3.4.5.6")
    except ValueError:
        log.exception("failed")
    text = file.read_text()
    for secret in ("Jane", "Doe", "JANE", "113619", "1.2.3.4.5.6"):
        assert secret not in text
    assert "seen ▒▒▒ of uid:" in text
    assert "Traceback" in text, "where it failed is told"


def test_the_same_uid_is_told_alike():
    assert logs.redact("1.2.3.4.5.6") == logs.redact("1.2.3.4.5.6") != logs.redact("1.2.3.4.5.7")
    assert logs.redact("127.0.0.1 took 1.25 s in version 6.12.0") == "127.0.0.1 took 1.25 s in version 6.12.0"


def test_the_log_stays_small(tmp_path: Path):
    logs.start_logging(tmp_path / "x.log")
    for _ in range(60):
        logging.getLogger("test").info("x" * 100_000)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 4_500_000


def test_lines_of_the_page_are_cut():
    assert logs.shorten("a\n  b\tc") == "a b c"
    assert len(logs.shorten("x" * 100_000)) < 2_100


# Events


def test_listeners_hear_until_they_leave():
    events, heard = Events(), list[Event]()
    leave = events.subscribe(heard.append)
    events.publish(LibraryChanged())
    leave()
    leave()
    events.publish(LibraryChanged())
    assert heard == [LibraryChanged()]


# Jobs


def test_a_job_gives_its_result():
    ended: list[JobState] = []
    job: Job[int, str] = Job("x", lambda _job: "done", on_end=lambda job: ended.append(job.state))
    assert job.start().wait() == "done"
    assert ended == [JobState.DONE]


def test_a_job_that_fails_says_why(caplog: pytest.LogCaptureFixture):
    def work(_job: Job[int, str]) -> str:
        raise InputError("The disk is full.")

    job = Job("x", work).start()
    with pytest.raises(InputError, match="disk is full"):
        job.wait()
    assert job.state is JobState.FAILED
    assert caplog.records == [], "what the user is told is not logged: it may name a file"


def test_a_bug_in_a_job_is_logged(caplog: pytest.LogCaptureFixture):
    def work(_job: Job[int, str]) -> str:
        raise KeyError("x")

    job = Job("x", work).start()
    assert job.join(5)
    assert job.state is JobState.FAILED
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_job_is_cancelled():
    started = threading.Event()

    def work(job: Job[int, str]) -> str:
        started.set()
        while not job.cancelled:
            threading.Event().wait(0.001)
        return "half"

    job = Job("x", work).start()
    assert started.wait(5)
    assert not job.join(0)
    job.cancel()
    assert job.wait() == "half"
    assert job.state is JobState.CANCELLED


def test_progress_is_not_told_too_often():
    told: list[int] = []

    def work(job: Job[int, str]) -> str:
        for number in range(1000):
            job.report(lambda number=number: number)
        job.report(lambda: -1, force=True)
        return ""

    Job("x", work, on_progress=told.append).start().wait()
    assert told[0] == 0
    assert told[-1] == -1
    assert len(told) < 20
