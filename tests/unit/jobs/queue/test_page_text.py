"""The JSON of pages, put together of texts that are kept: what the models would write, always."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.job_view import view_of
from sdcpp_restapi.jobs.queue.live_progress import LiveProgress
from sdcpp_restapi.jobs.queue.page_text import JobTexts
from sdcpp_restapi.schemas.downloads import DownloadRequest
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus, JobType, Params, Progress, QueueView
from sdcpp_restapi.schemas.models import LoadRequest
from tests.unit.jobs.queue.conftest import OpenLine

# What is replaced in a page may stand in a prompt too.
TEXTS = st.text(max_size=20) | st.sampled_from(
    ['"items":[]', '","items":[],"', "https://u:secret@h/x?token=abc"]
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
COUNTS = st.integers(0, 2**40)


def build_params(text: str, job_type: JobType) -> Params:
    if job_type == "model_download":
        return DownloadRequest(url=text, model_type="lora")
    return Txt2ImgRequest(prompt=text, seed=1)


def build_job(text: str, job_type: JobType, **known: object) -> Job:
    job = Job(
        id="j",
        type=job_type,
        status=JobStatus.PENDING,
        attempt=0,
        params=build_params(text, job_type),
        created_at=datetime.now(UTC),
        progress=Progress(),
    )
    return job.model_copy(update=known)


JOBS = st.builds(
    build_job,
    TEXTS,
    st.sampled_from(["txt2img", "model_download"]),
    id=TEXTS,
    status=st.sampled_from(JobStatus),
    created_at=MOMENTS,
    started_at=st.none() | MOMENTS,
    completed_at=st.none() | MOMENTS,
    progress=st.builds(Progress.at, st.integers(0, 9), st.integers(0, 9), st.just(0), st.just(1)),
    outputs=st.lists(TEXTS, max_size=2).map(tuple),
    error=st.none() | TEXTS,
    warnings=st.lists(TEXTS, max_size=2).map(tuple),
    model=st.none() | st.builds(LoadRequest, model_name=st.just("m.gguf")),
    slot=st.none() | st.just("other/0"),
    deleted_at=st.none() | MOMENTS,
)
FRAMES = st.builds(
    QueueView,
    **dict.fromkeys((f"{status.value}_count" for status in JobStatus), COUNTS),
    total_count=COUNTS,
    items=st.just([]),
    groups=st.none(),
    limit=COUNTS,
    offset=COUNTS,
    page=COUNTS,
    has_more=st.booleans(),
    matching_count=st.none() | COUNTS,
    applied_filters=st.none() | st.dictionaries(st.just("search"), TEXTS),
)


@settings(deadline=None)
@given(FRAMES, st.lists(JOBS, max_size=4))
def test_a_page_is_what_the_models_write_when_it_is_new_and_when_it_is_kept(
    frame: QueueView, jobs: list[Job]
) -> None:
    live = LiveProgress(EventBus(), lambda: None)
    texts = JobTexts(live)
    items = [view_of(live, job, None) for job in jobs]
    written = frame.model_copy(update={"items": items}).model_dump_json().encode()
    assert texts.write_page(frame, jobs) == written
    assert texts.write_page(frame, jobs) == written


def test_a_running_job_is_shown_as_far_as_it_is_now() -> None:
    live = LiveProgress(EventBus(), lambda: None)
    texts = JobTexts(live)
    job = build_job("a cat", "txt2img", status=JobStatus.PROCESSING)
    live.begin(job)
    live.record(job, Progress.at(3, 20, 0, 1))
    assert '"step":3,' in texts.write(job)
    live.record(job, Progress.at(4, 20, 0, 1))
    assert '"step":4,' in texts.write(job)


async def test_the_same_row_is_the_same_job_until_it_changes(open_line: OpenLine) -> None:
    line = open_line()
    job_id = await line.add("a cat")
    pending = await line.store.get(job_id)
    assert await line.store.get(job_id) is pending
    await line.claim()
    assert (await line.store.get(job_id)) != pending
