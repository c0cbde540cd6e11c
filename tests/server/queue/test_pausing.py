"""Jobs that are paused or make room for more urgent ones: nothing is lost, and no byte changes."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(models=["sd1"], loads=["sd1"])
PROMPT: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": 30, "seed": 7}
SHORT = PROMPT | {"steps": 1}


@pytest.fixture(autouse=True)
def resumed(server: RunningServer) -> Iterator[None]:
    """Whatever a test leaves: the queue runs again."""
    yield
    server.post("/queue/resume")


def at_least(job_id: str, step: int) -> Callable[[dict[str, Any]], bool]:
    return lambda data: data["job_id"] == job_id and data["current_all_steps"] >= step


def becomes(job_id: str, status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda data: data["job_id"] == job_id and data["status"] == status


def start_job(server: RunningServer, step: int = 5, **params: Any) -> str:
    """Submit a job; its id once so many steps are done."""
    with server.events(previews=False) as events:
        job_id = server.submit(**PROMPT | params)
        events.wait_for("job_progress", at_least(job_id, step))
    return job_id


def pause(server: RunningServer, job_id: str) -> None:
    """Pause a job that runs, until it waits."""
    with server.events(previews=False) as events:
        server.post(f"/queue/{job_id}/pause")
        if server.get(f"/queue/{job_id}")["status"] == "processing":
            events.wait_for("job_status_changed", becomes(job_id, "pending"))


def digest(server: RunningServer, job: dict[str, Any]) -> str:
    return hashlib.sha256((server.output_dir / job["outputs"][0]).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def undisturbed(server: RunningServer) -> str:
    """The digest of what PROMPT makes."""
    return digest(server, server.make(**PROMPT))


def test_a_running_job_that_is_paused_goes_on_where_it_was(server: RunningServer, undisturbed: str) -> None:
    job_id = start_job(server)
    pause(server, job_id)
    job = server.get(f"/queue/{job_id}")
    assert (job["status"], job["paused"]) == ("pending", True)
    assert not {"started_at", "position"} & job.keys()
    assert server.make(**SHORT)["status"] == "completed"
    assert server.get(f"/queue/{job_id}")["paused"]
    server.post(f"/queue/{job_id}/resume")
    job = server.wait_for_job(job_id)
    assert job["resumed_from_step"] >= 4
    assert "paused" not in job
    assert digest(server, job) == undisturbed


def test_a_paused_job_stays_so_over_a_restart_and_goes_on_where_it_was(
    server: RunningServer, undisturbed: str
) -> None:
    job_id = start_job(server)
    pause(server, job_id)
    server.restart()
    assert server.make(**SHORT)["status"] == "completed"
    assert server.get(f"/queue/{job_id}")["paused"]
    server.post(f"/queue/{job_id}/resume")
    job = server.wait_for_job(job_id)
    assert job["resumed_from_step"] >= 4
    assert digest(server, job) == undisturbed


def test_a_waiting_job_that_is_paused_keeps_its_place(server: RunningServer) -> None:
    running = start_job(server, steps=200)
    first, second = server.submit(**SHORT), server.submit(**SHORT)
    answer = server.post(f"/queue/{first}/pause")
    assert (answer["job_id"], answer["paused"]) == (first, True)
    assert server.get(f"/queue/{second}")["position"] == 1
    server.post(f"/queue/{first}/resume")
    assert server.get(f"/queue/{first}")["position"] == 1
    server.http.delete(f"/queue/{running}")
    done = [server.wait_for_job(job_id)["timings"]["completed_at"] for job_id in (first, second)]
    assert done == sorted(done)


def test_a_paused_job_can_be_cancelled(server: RunningServer) -> None:
    job_id = start_job(server)
    pause(server, job_id)
    assert server.http.delete(f"/queue/{job_id}").status_code == 200
    assert server.get(f"/queue/{job_id}")["status"] == "cancelled"


@pytest.mark.parametrize(("verb", "code"), [("pause", "cannot_pause"), ("resume", "cannot_resume")])
def test_what_has_ended_and_what_there_never_was_is_refused(
    server: RunningServer, verb: str, code: str
) -> None:
    for job_id in (server.make(**SHORT)["job_id"], "no-such-job"):
        answer = server.post(f"/queue/{job_id}/{verb}", expect=400)
        assert answer["code"] == code


def test_a_paused_queue_begins_nothing_and_says_so(server: RunningServer, undisturbed: str) -> None:
    job_id = start_job(server)
    with server.events(previews=False) as events:
        assert server.post("/queue/pause")["state"] == "paused"
        events.wait_for("job_status_changed", becomes(job_id, "pending"))
    other = server.submit(**SHORT)
    server.restart()
    assert server.get("/health")["queue"]["state"] == "paused"
    assert server.http.get("/health/ready").status_code == 503
    assert {server.get(f"/queue/{one}")["status"] for one in (job_id, other)} == {"pending"}
    assert server.post("/queue/resume")["state"] == "running"
    assert digest(server, server.wait_for_job(job_id)) == undisturbed
    assert server.wait_for_job(other)["status"] == "completed"
    assert server.http.get("/health/ready").status_code == 200


def test_a_queue_that_is_drained_ends_what_runs_and_begins_nothing(
    server: RunningServer, undisturbed: str
) -> None:
    job_id = start_job(server)
    other = server.submit(**SHORT)
    assert server.post("/queue/drain")["state"] == "draining"
    job = server.wait_for_job(job_id)
    assert (job["status"], digest(server, job)) == ("completed", undisturbed)
    assert server.get("/health")["queue"]["state"] == "draining"
    assert server.get(f"/queue/{other}")["status"] == "pending"
    server.post("/queue/resume")
    assert server.wait_for_job(other)["status"] == "completed"


def test_an_urgent_job_interrupts_a_less_urgent_one_which_goes_on_afterwards(
    server: RunningServer, undisturbed: str
) -> None:
    job_id = start_job(server)
    with server.events(previews=False) as events:
        urgent = server.submit(**SHORT | {"priority": 5, "preempt": True})
        events.wait_for("job_status_changed", becomes(job_id, "pending"))
        assert server.get(f"/queue/{job_id}").get("paused", True)
        events.wait_for("job_status_changed", becomes(urgent, "completed"))
    job = server.wait_for_job(job_id)
    assert job["resumed_from_step"] >= 4
    assert digest(server, job) == undisturbed
    assert server.get(f"/queue/{urgent}")["timings"]["completed_at"] < job["timings"]["completed_at"]


@pytest.mark.parametrize("how", [{"priority": 5}, {"preempt": True}])
def test_a_job_that_is_not_more_urgent_or_does_not_ask_for_it_waits(
    server: RunningServer, how: dict[str, Any]
) -> None:
    job_id = start_job(server)
    other = server.submit(**SHORT | how)
    job, last = server.wait_for_job(job_id), server.wait_for_job(other)
    assert "attempt" not in job
    assert job["timings"]["completed_at"] < last["timings"]["completed_at"]
