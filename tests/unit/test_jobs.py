"""How jobs end."""

import pytest

from desktop.errors import InputError
from desktop.jobs import Job, JobState


@pytest.mark.parametrize("result", ["done", "", 0, None])
def test_any_result_is_given(result: object) -> None:
    assert Job("x", lambda _: result).start().wait() is result


@pytest.mark.parametrize(
    ("error", "state"), [(None, JobState.DONE), (InputError("full"), JobState.FAILED), (KeyError("x"), JobState.FAILED)]
)
@pytest.mark.parametrize("cancel", [False, True])
def test_the_end_is_told_once_whatever_it_is(error: Exception | None, state: JobState, cancel: bool) -> None:
    ended: list[tuple[JobState, BaseException | None]] = []

    def work(job: Job[int, str]) -> str:
        if cancel:
            job.cancel()
        if error is not None:
            raise error
        return "result"

    job = Job("x", work, on_end=lambda job: ended.append((job.state, job.error)))
    assert job.state is JobState.RUNNING
    job.start()
    assert job.join()
    expected = JobState.CANCELLED if cancel and error is None else state
    assert ended == [(expected, error)]
    assert job.state is expected


def test_progress_that_nobody_wants_is_not_made() -> None:
    def work(job: Job[int, str]) -> str:
        job.report(lambda: pytest.fail("nobody listens"), force=True)
        return "done"

    assert Job("x", work).start().wait() == "done"
