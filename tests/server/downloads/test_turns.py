"""The turn of a download, on a server that makes one at a time and has clients take turns."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.server.downloads.conftest import Environment, download
from tests.support.http_upstream import Upstream, model_bytes
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

DATA = model_bytes(10_000)


@pytest.fixture(scope="module")
def server_setup(environment: Environment) -> ServerSetup:
    return ServerSetup(env={**environment(parallel="1"), "SDCPP_QUEUE_FAIRNESS": "client"})


@pytest.mark.proves("download.priority", "download.client_id", "download.not_before")
def test_downloads_have_priorities_take_turns_and_wait_for_their_moment(
    server: RunningServer, cdn: Upstream
) -> None:
    def order(name: str, **turn: object) -> str:
        cdn.file(f"/{name}.safetensors", DATA)
        return str(download(server, url=f"{cdn.url}/{name}.safetensors", **turn)["download_job_id"])

    held = cdn.file("/held.safetensors", DATA, hold_at=1000)
    download(server, url=f"{cdn.url}/held.safetensors")
    cdn.wait_for("/held.safetensors")
    moment = datetime.now(UTC) + timedelta(seconds=1)
    late = order("late", not_before=moment.isoformat(), priority=3)
    one, two = (order(name, client_id="one") for name in ("one", "two"))
    other = order("other", client_id="other")
    first = order("first", priority=1)
    held.go_on.set()
    jobs = [server.wait_for_job(job_id) for job_id in (first, one, other, two)]
    started = [job["timings"]["started_at"] for job in jobs]
    assert started == sorted(started)
    job = server.wait_for_job(late)
    assert job["status"] == "completed"
    assert datetime.fromisoformat(job["timings"]["started_at"]) >= moment.replace(microsecond=0)


@pytest.mark.proves("download.preempt")
def test_an_urgent_download_interrupts_one_that_goes_on_where_it_was(
    server: RunningServer, cdn: Upstream
) -> None:
    held = cdn.file("/slow.safetensors", DATA, hold_at=1000)
    slow = download(server, url=f"{cdn.url}/slow.safetensors")["download_job_id"]
    cdn.wait_for("/slow.safetensors")
    cdn.file("/urgent.safetensors", DATA)
    with server.events() as events:
        url = f"{cdn.url}/urgent.safetensors"
        urgent = download(server, url=url, priority=2, preempt=True)["download_job_id"]
        events.wait_for(
            "job_status_changed", lambda data: data["job_id"] == slow and data["status"] == "pending"
        )
        held.go_on.set()
    jobs = [server.wait_for_job(job_id) for job_id in (urgent, slow)]
    assert [job["status"] for job in jobs] == ["completed", "completed"]
    assert jobs[0]["timings"]["completed_at"] < jobs[1]["timings"]["completed_at"]
