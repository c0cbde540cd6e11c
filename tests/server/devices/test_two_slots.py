"""Two devices: two engines, and jobs in both at once."""

from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.server.devices.conftest import PROMPT, SLOT, StartDevices, load_body, load_everywhere
from tests.support.running_server import Events, RunningServer
from tests.support.tiny_models.models import build

ESRGAN = "tiny-esrgan.safetensors"
# Nobody waits for its end: it is cancelled, or its engine killed.
ENDLESS = PROMPT | {"width": 128, "height": 128, "steps": 1000}


@pytest.fixture
def events(two_slots: RunningServer) -> Iterator[Events]:
    with two_slots.events() as events:
        yield events


def slots_of(server: RunningServer) -> list[dict[str, Any]]:
    slots: list[dict[str, Any]] = server.get("/health")["loaded_slots"]
    return slots


def wait_for_a_step(events: Events, job_id: str) -> None:
    events.wait_for("job_progress", lambda data: data["job_id"] == job_id)


def wait_for_status(events: Events, job_id: str, status: str) -> None:
    events.wait_for("job_status_changed", lambda data: (data["job_id"], data["status"]) == (job_id, status))


def start_two(server: RunningServer, events: Events, **params: Any) -> list[str]:
    """Two jobs that run at the same time; both have done a step."""
    jobs = []
    for _ in range(2):
        jobs.append(server.submit(**params))
        wait_for_a_step(events, jobs[-1])
    return jobs


def picture(server: RunningServer, job: dict[str, Any]) -> bytes:
    return (server.output_dir / str(job["outputs"][0])).read_bytes()


def test_a_load_reaches_both_slots(two_slots: RunningServer) -> None:
    answer = load_everywhere(two_slots, load_body(two_slots.root))
    assert "warnings" not in answer
    assert [(slot["device"], slot["model_name"]) for slot in slots_of(two_slots)] == [
        (SLOT, answer["model_name"])
    ] * 2


def test_two_jobs_run_at_once_and_a_cancel_reaches_the_right_one(
    two_slots: RunningServer, events: Events
) -> None:
    first, second = start_two(two_slots, events, **ENDLESS)
    wait_for_a_step(events, first)  # it went on while the second one began
    queue = two_slots.get("/queue")
    assert (queue["processing_count"], queue["pending_count"]) == (2, 0)
    assert {slot["job_id"] for slot in slots_of(two_slots)} == {first, second}
    assert two_slots.http.delete(f"/queue/{first}").status_code == 200
    wait_for_status(events, first, "cancelled")
    third = two_slots.submit(**PROMPT)
    wait_for_status(events, third, "completed")  # in the slot that the cancelled one has left
    wait_for_a_step(events, second)
    assert two_slots.http.delete(f"/queue/{second}").status_code == 200


def test_pictures_of_two_slots_are_those_of_one_byte_for_byte(
    two_slots: RunningServer, start_devices: StartDevices
) -> None:
    jobs = [two_slots.submit(**PROMPT | {"seed": seed}) for seed in range(4)]
    made = [picture(two_slots, two_slots.wait_for_job(job)) for job in jobs]
    alone = start_devices(SLOT)
    load_everywhere(alone, load_body(alone.root))
    assert made == [picture(alone, alone.make(**PROMPT | {"seed": seed})) for seed in range(4)]
    assert len(set(made)) == 4


def test_an_engine_that_is_killed_takes_only_its_own_job_along(
    two_slots: RunningServer, events: Events
) -> None:
    jobs = start_two(two_slots, events, **ENDLESS)
    psutil.Process(two_slots.process.pid).children()[0].kill()
    given_back = events.wait_for("job_status_changed", lambda data: data["previous_status"] == "processing")
    assert given_back["status"] == "pending"
    (other,) = set(jobs) - {given_back["job_id"]}
    wait_for_status(events, given_back["job_id"], "processing")  # again, in the engine that came instead
    wait_for_a_step(events, other)
    for job in jobs:
        assert two_slots.http.delete(f"/queue/{job}").status_code == 200
    told = [event["data"] for event in events.heard if event["event"] == "job_status_changed"]
    assert [data["status"] for data in told if data["job_id"] == other] == ["processing"]


def test_models_and_upscalers_leave_both_slots(two_slots: RunningServer) -> None:
    build("esrgan").install(two_slots.models_dir, ESRGAN)
    with two_slots.events() as events:
        two_slots.post("/upscaler/load", {"model_name": ESRGAN})
        for _ in range(2):
            events.wait_for("upscaler_loaded")
    assert [slot["upscaler"] for slot in slots_of(two_slots)] == [ESRGAN] * 2
    two_slots.post("/models/unload")
    two_slots.post("/upscaler/unload")
    assert [slot["model_name"] for slot in slots_of(two_slots)] == [None, None]
    assert not any("upscaler" in slot for slot in slots_of(two_slots))
    load_everywhere(two_slots, load_body(two_slots.root))
