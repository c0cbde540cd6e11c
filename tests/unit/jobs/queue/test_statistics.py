"""What became of jobs, counted."""

from datetime import UTC, datetime, timedelta

from sdcpp_restapi.jobs.queue.statistics import MOST_MODELS, OTHER, UNKNOWN_WAIT, Histogram, JobStatistics
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Progress
from sdcpp_restapi.schemas.models import LoadRequest

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def job(status: JobStatus, model: str = "m.gguf", seconds: float = 4.0) -> Job:
    return Job(
        id="x",
        type="txt2img",
        status=status,
        attempt=1,
        params=Txt2ImgRequest(prompt="a"),
        model=LoadRequest(model_name=model),
        created_at=BEGAN - timedelta(seconds=2),
        started_at=BEGAN,
        completed_at=BEGAN + timedelta(seconds=seconds),
        progress=Progress(),
    )


def test_a_value_counts_below_the_first_bound_that_it_does_not_exceed() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (1.0, 1.5, 9.0):
        histogram.add(value)
    assert histogram.counts == [1, 1, 1]
    assert histogram.sum == 11.5


def test_waits_and_durations_are_counted_by_lane_and_by_type_and_model() -> None:
    statistics = JobStatistics()
    statistics.record(job(JobStatus.PROCESSING), JobStatus.PENDING)
    statistics.record(job(JobStatus.COMPLETED), JobStatus.PROCESSING)
    assert statistics.waits["engine"].sum == 2.0
    assert statistics.durations["txt2img", "m.gguf"].sum == 4.0
    assert statistics.ended["txt2img", JobStatus.COMPLETED] == 1


def test_the_pause_is_what_the_newest_jobs_took_on_average() -> None:
    statistics = JobStatistics()
    assert statistics.find_pause("engine") == UNKNOWN_WAIT
    for seconds in (2.0, 5.0):
        statistics.record(job(JobStatus.COMPLETED, seconds=seconds), JobStatus.PROCESSING)
    assert statistics.find_pause("engine") == 4
    assert statistics.find_pause("download") == UNKNOWN_WAIT


def test_models_past_the_bound_are_counted_together() -> None:
    statistics = JobStatistics()
    for number in range(MOST_MODELS + 3):
        statistics.record(job(JobStatus.COMPLETED, f"{number}.gguf"), JobStatus.PROCESSING)
    assert len(statistics.durations) == MOST_MODELS + 1
    assert sum(statistics.durations["txt2img", OTHER].counts) == 3
