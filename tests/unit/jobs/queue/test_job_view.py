"""Jobs as the API shows them."""

from datetime import datetime

from sdcpp_restapi.jobs.queue.job_view import group_by_date
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import DayOfJobs, Job, JobStatus, Progress


def job(name: str, moment: str) -> Job:
    return Job(
        id=name,
        type="txt2img",
        status=JobStatus.COMPLETED,
        attempt=1,
        params=Txt2ImgRequest(prompt=name),
        created_at=datetime.fromisoformat(f"2024-{moment}Z"),
        progress=Progress(),
    )


def test_each_day_of_a_page_is_told_once_in_the_order_of_its_jobs() -> None:
    jobs = [
        job("a", "02-03T00:00:00"),
        job("b", "02-02T23:59:59.999"),
        job("c", "02-03T01:00:00"),  # the clock had been set back
        job("d", "01-31T12:00:00"),
    ]
    assert group_by_date(jobs) == [
        DayOfJobs(date="2024-02-03", count=2, job_ids=["a", "c"]),
        DayOfJobs(date="2024-02-02", count=1, job_ids=["b"]),
        DayOfJobs(date="2024-01-31", count=1, job_ids=["d"]),
    ]
    assert group_by_date([]) == []
