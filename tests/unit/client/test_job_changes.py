"""What events make of a job that is followed, and what outputs are called as files."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sdcpp_restapi.client.events import parse_event
from sdcpp_restapi.client.files import file_name
from sdcpp_restapi.client.job_changes import apply_event, id_of
from sdcpp_restapi.events import EventMessage
from sdcpp_restapi.schemas.downloads import DownloadAccepted
from sdcpp_restapi.schemas.events import (
    DownloadProgress,
    Event,
    EventData,
    JobCancelled,
    JobDeleted,
    JobProgress,
    JobStatusChanged,
    Pong,
)
from sdcpp_restapi.schemas.jobs import JobStatus, JobView, Progress, Timings

NOW = datetime.now(UTC)
JOB = JobView(
    job_id="a",
    type="txt2img",
    status=JobStatus.PENDING,
    progress=Progress(),
    created_at=NOW,
    timings=Timings(created_at=NOW),
    outputs=[],
    params={},
)
TRANSFER: dict[str, Any] = {"bytes_done": 5, "bytes_total": 10, "bytes_per_second": 1, "seconds_left": 5.0}
CHANGED: dict[str, Any] = {"status": JobStatus.PROCESSING, "previous_status": JobStatus.PENDING}


def after(data: EventData) -> JobView | None:
    return apply_event(JOB, Event.of(data, NOW))


def test_progress_shows_in_the_job() -> None:
    seen = after(JobProgress(job_id="a", step=1, total_steps=4, percentage=25.0))
    assert seen is not None
    assert (seen.status, seen.progress.percentage) == ("processing", 25.0)
    assert "job_id" not in seen.model_dump()["progress"]


def test_so_does_a_download() -> None:
    seen = after(DownloadProgress(job_id="a", **TRANSFER))
    assert seen is not None
    assert seen.download is not None
    assert seen.download.bytes_done == 5


@pytest.mark.parametrize(
    "data",
    [JobStatusChanged(job_id="a", **CHANGED), JobCancelled(job_id="a"), JobDeleted(job_id="a", purged=True)],
    ids=lambda data: type(data).__name__,
)
def test_of_another_status_the_server_is_asked(data: EventData) -> None:
    assert after(data) is None


@pytest.mark.parametrize(
    "data",
    [
        Pong(),
        JobProgress(job_id="b", percentage=25.0),
        JobStatusChanged(job_id="b", **CHANGED),
        JobCancelled(job_id="b"),
    ],
    ids=lambda data: type(data).__name__,
)
def test_events_of_other_things_change_nothing(data: EventData) -> None:
    assert after(data) is JOB


def test_an_event_is_read_as_it_was_sent() -> None:
    data = JobProgress(job_id="a", step=3, total_steps=4)
    event = parse_event(EventMessage(data).text)
    assert event is not None
    assert (event.event, event.data) == ("job_progress", data)


def test_an_event_of_a_later_release_is_none() -> None:
    assert parse_event('{"event": "moon_rises", "timestamp": "2024-01-31T12:00:00Z", "data": {}}') is None


@pytest.mark.parametrize("message", ["", "[]", "null", '{"event": 1}', '{"event": "job_progress"}', "{}"])
def test_what_is_no_event_is_a_value_error(message: str) -> None:
    with pytest.raises(ValueError, match=r"event|Expecting|JobProgress"):
        parse_event(message)


def test_of_a_download_the_hash_is_the_last_job() -> None:
    accepted = DownloadAccepted(
        download_job_id="a", hash_job_id="b", source="url", model_type="vae", position=1
    )
    assert id_of(accepted) == "b"


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("a/image_0.png", "a-image_0.png"),
        ("a/frames/frame_0000.png", "a-frames-frame_0000.png"),
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/passwd", "etc-passwd"),
        ("a\\..\\b.png", "a-..-b.png"),
    ],
)
def test_an_output_becomes_one_file_in_the_folder(output: str, name: str) -> None:
    assert file_name(output) == name
