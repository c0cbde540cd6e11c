"""What requests say about their turn, and when jobs with it run: real jobs of every kind on one server."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer, of_job
from tests.support.scripted_engine import SHORT, serving
from tests.support.server_setup import ServerSetup
from tests.support.videos import LINGBOT, MINIT2I
from tests.support.videos import TINY as VIDEO

PICTURE: dict[str, Any] = {"prompt": "a cat", "width": 32, "height": 32, "steps": 1, "seed": 1}
IMAGE = as_base64(picture(16, 16))
JOBS: dict[str, dict[str, Any]] = {
    "txt2img": PICTURE,
    "img2img": {**PICTURE, "init_image_base64": IMAGE},
    "txt2vid": {**VIDEO, "model": LINGBOT},
    "upscale": {"image_base64": IMAGE},
    "convert": {
        "input_path": MINIT2I["model_name"], "output_type": "f16", "output_path": "made.gguf",
        "overwrite": True,
    },
}  # fmt: skip

# Clients take turns; jobs that name none are those of one client.
SETUP = ServerSetup(
    models=["minit2i", "lingbot", "esrgan"], env={"SDCPP_QUEUE_FAIRNESS": "client"}, loads=[MINIT2I]
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With an upscaler in memory, too; in a folder of its own, since tests here use `scripted` as well."""
    with SETUP.running(tmp_path_factory.mktemp("turns")) as running:
        running.post("/upscaler/load", {"model_name": "esrgan.safetensors"})
        yield running


def submit(server: RunningServer, kind: str = "txt2img", **turn: object) -> str:
    return server.submit(f"/{kind}", **JOBS[kind] | turn)


def every_kind(field: str) -> pytest.MarkDecorator:
    return pytest.mark.proves(*(f"{kind}.{field}" for kind in JOBS))


@contextmanager
def held_up(server: RunningServer) -> Iterator[list[str]]:
    """The engine is busy for the block; at its end, the ids of the jobs that ran then, in their order."""
    begun: list[str] = []
    with server.events() as events:
        first = submit(server, steps=1000, batch_count=64, priority=100)
        events.wait_for("job_progress", lambda data: data["job_id"] == first)
        yield begun
        waiting = {job["job_id"] for job in server.get("/queue", status="pending")["items"]}
        server.http.delete(f"/queue/{first}")
        while waiting - set(begun):
            changed = events.wait_for("job_status_changed", lambda data: data["status"] == "processing")
            begun.append(changed["job_id"])
    for job_id in begun:
        assert server.wait_for_job(job_id)["status"] == "completed"


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@every_kind("preempt")
def test_a_more_urgent_job_of_any_kind_interrupts_one_that_runs(server: RunningServer) -> None:
    for kind in JOBS:
        with server.events() as events:
            running = submit(server, steps=1000, batch_count=64)
            events.wait_for("job_progress", of_job(running))
            urgent = submit(server, kind, priority=9, preempt=True)
            changed = events.wait_for("job_status_changed", of_job(running))
            assert changed["status"] == "pending"
            assert server.wait_for_job(urgent)["status"] == "completed"
            server.http.delete(f"/queue/{running}")


@every_kind("priority")
def test_jobs_with_a_higher_priority_go_first(server: RunningServer) -> None:
    with held_up(server) as begun:
        low = submit(server, priority=-1)
        plain = [submit(server), submit(server)]
        raised = [submit(server, kind, priority=number) for number, kind in enumerate(JOBS, start=1)]
        shown = {job["job_id"]: job["params"]["priority"] for job in server.get("/queue")["items"]}
        assert [shown[job] for job in (low, plain[0], raised[-1])] == [-1, 0, len(JOBS)]
        assert [server.get(f"/queue/{job}")["position"] for job in (raised[-1], plain[0], low)] == [1, 6, 8]
    assert begun == [*reversed(raised), *plain, low]


@every_kind("client_id")
def test_clients_take_turns_where_that_is_set(server: RunningServer) -> None:
    with held_up(server) as begun:
        greedy = [submit(server, client_id="greedy") for _ in range(3)]
        others = [submit(server, kind, client_id=f"with one {kind}") for kind in JOBS]
        assert [server.get(f"/queue/{job}")["position"] for job in (*greedy, others[0])] == [1, 7, 8, 2]
    assert begun == [greedy[0], *others, *greedy[1:]]


@every_kind("not_before")
def test_a_job_waits_for_its_moment_and_lets_others_go_first(server: RunningServer) -> None:
    far = submit(server, not_before=soon(3600), priority=100)
    moment = soon(1)
    waiting = [submit(server, kind, not_before=moment) for kind in JOBS]
    assert server.make("/txt2img", **PICTURE)["params"].get("not_before") is None
    for job_id in waiting:
        job = server.wait_for_job(job_id)
        assert job["status"] == "completed"
        assert datetime.fromisoformat(job["timings"]["started_at"]) >= datetime.fromisoformat(moment)
        assert job["params"]["not_before"] == moment.replace("+00:00", "Z")
    left = server.get(f"/queue/{far}")
    assert (left["status"], left["position"]) == ("pending", 1)
    server.http.delete(f"/queue/{far}")


def test_a_moment_outlives_a_restart_and_comes_without_any_request(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        moment = soon(2)
        job_id = server.submit(**SHORT, not_before=moment)
        assert server.get(f"/queue/{job_id}")["status"] == "pending"
        server.restart()
        job = server.wait_for_job(job_id)
    assert job["status"] == "completed"
    assert datetime.fromisoformat(job["timings"]["started_at"]) >= datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2001-02-03T04:05:06Z", "2001-02-03T04:05:06.000Z"),
        ("2001-02-03T04:05:06.789012+02:00", "2001-02-03T02:05:06.789Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_may_be_in_any_time_zone_and_is_over_when_it_is_past(
    scripted: RunningServer, given: str, stored: str
) -> None:
    assert scripted.make(**SHORT, not_before=given)["params"]["not_before"] == stored


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"priority": 101}, ("priority", "101", "less than or equal to 100")),
        ({"priority": -101}, ("priority", "-101", "greater than or equal to -100")),
        ({"priority": 0.5}, ("priority", "0.5", "integer")),
        ({"priority": True}, ("priority", "number is required")),
        ({"not_before": "tomorrow"}, ("not_before", "tomorrow")),
        ({"not_before": "2024-01-01T12:00:00"}, ("not_before", "2024-01-01T12:00:00", "timezone")),
        ({"not_before": 1700000000}, ("not_before", "1700000000", "ISO 8601 text with a time zone")),
        ({"not_before": "1700000000"}, ("not_before", "1700000000", "ISO 8601 text with a time zone")),
        ({"not_before": "0001-01-01T00:00:00+14:00"}, ("not_before", "outside of the years 1 to 9999")),
        ({"client_id": ""}, ("client_id", "at least 1 character")),
        ({"client_id": "x" * 201}, ("client_id", "at most 200 characters")),
    ],
)
def test_a_bad_turn_is_refused_by_name_with_what_is_allowed(
    scripted: RunningServer, turn: dict[str, Any], words: tuple[str, ...]
) -> None:
    error = scripted.post("/txt2img", SHORT | turn, expect=400)["error"]
    for word in words:
        assert word in error
