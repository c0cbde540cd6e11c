"""What is told of running jobs, and how often."""

from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.live_progress import LiveProgress
from sdcpp_restapi.schemas.jobs import JobStatus, Progress
from tests.unit.jobs.queue.test_page_text import build_job


def test_answers_that_are_kept_hear_of_steps_that_come_too_soon_for_an_event() -> None:
    changes: list[int] = []
    live = LiveProgress(EventBus(), lambda: changes.append(1))
    job = build_job("a cat", "txt2img", status=JobStatus.PROCESSING)
    live.begin(job)
    for step in range(1, 4):
        live.record(job, Progress.at(step, 20, 0, 1))
    assert len(changes) == 3
