"""Two models in memory at once, and how long they stay there; all with the real engine."""

from typing import Any

import psutil
import pytest

from tests.support.running_server import Events, RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

FIRST, SECOND, THIRD = "first.safetensors", "second.safetensors", "third.safetensors"
SERVER = ServerSetup(
    models=[("minit2i", FIRST), ("minit2i", SECOND), ("minit2i", THIRD)],
    env={"SDCPP_ENGINE_MODELS_IN_MEMORY": "2", "SDCPP_ENGINE_RESTART_DELAY": "0"},
)
PICTURE: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "steps": 1,
    "cfg_scale": 1,
    "seed": 7,
}


def body(server: RunningServer, name: str, **fields: Any) -> dict[str, Any]:
    return {**build("minit2i").install(server.models_dir, name), "options": OPTIONS, **fields}


def resident_names(server: RunningServer) -> list[str]:
    (slot,) = server.get("/health")["loaded_slots"]
    return [model["model_name"] for model in slot.get("resident_models", [])]


def loads_heard(events: Events) -> list[str]:
    return [
        event["data"]["model_name"] for event in events.heard if event["event"] == "model_loading_progress"
    ]


@pytest.fixture(autouse=True)
def both(server: RunningServer) -> None:
    """The second model is current, the first one stays beside it."""
    server.post("/models/load", body(server, FIRST))
    server.post("/models/load", body(server, SECOND))


def children(server: RunningServer) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def test_jobs_of_two_models_run_without_a_load_between_them(server: RunningServer) -> None:
    assert resident_names(server) == [SECOND, FIRST]
    with server.events() as events:
        pictures = [server.make(**PICTURE, model=name)["outputs"] for name in (FIRST, SECOND, FIRST)]
        events.wait_for("job_status_changed", lambda data: data["status"] == "completed")
    assert len(pictures) == 3
    assert loads_heard(events) == []
    assert resident_names(server) == [FIRST, SECOND]
    assert server.get("/health")["model_name"] == SECOND


def test_a_requested_load_of_a_model_in_memory_reads_nothing(server: RunningServer) -> None:
    with server.events() as events:
        assert server.post("/models/load", body(server, FIRST))["model_name"] == FIRST
        events.wait_for("model_loaded", lambda data: data["model_name"] == FIRST)
    assert loads_heard(events) == []
    assert server.get("/health")["model_name"] == FIRST


def test_a_model_whose_file_changed_is_read_again(server: RunningServer) -> None:
    request = body(server, FIRST)
    path = server.models_dir / "diffusion_models" / FIRST
    found = path.stat()
    path.write_bytes(path.read_bytes())
    assert path.stat().st_mtime_ns != found.st_mtime_ns
    with server.events() as events:
        server.post("/models/load", request)
        events.wait_for("model_loading_progress", lambda data: data["model_name"] == FIRST)


def test_a_third_model_takes_the_place_of_the_one_that_is_not_current(server: RunningServer) -> None:
    server.make(**PICTURE, model=FIRST)  # used last, but the second one is current
    with server.events() as events:
        server.make(**PICTURE, model=body(server, THIRD))
        gone = events.wait_for("model_unloaded")
    assert gone == {"model_name": FIRST, "slot": "default", "reason": "memory"}
    assert resident_names(server) == [THIRD, SECOND]
    assert len(children(server)) == 2


def test_an_idle_child_that_dies_takes_only_its_own_model_along(server: RunningServer) -> None:
    idle = min(children(server), key=lambda child: child.cpu_times().user)
    before = {child.pid for child in children(server)}
    server.make(**PICTURE)
    busy = max(children(server), key=lambda child: child.cpu_times().user)
    idle = next(child for child in children(server) if child.pid != busy.pid)
    with server.events() as events:
        idle.kill()
        gone = events.wait_for("model_unloaded")
    assert gone["reason"] == "lost"
    assert {child.pid for child in children(server)} < before
    server.make(**PICTURE, model=FIRST)
    assert resident_names(server) == [FIRST, SECOND]


def test_unloading_frees_all_of_them(server: RunningServer) -> None:
    server.post("/models/unload")
    assert resident_names(server) == []
    assert len(children(server)) == 1
    assert not server.get("/health")["model_loaded"]


def test_unloading_a_slot_leaves_the_current_model_to_the_next_job(server: RunningServer) -> None:
    with server.events() as events:
        server.post("/models/unload?slot=default")
        gone = [events.wait_for("model_unloaded") for _ in range(2)]
    assert gone == [{"model_name": name, "slot": "default"} for name in (FIRST, SECOND)]
    assert resident_names(server) == []
    assert server.get("/health")["model_name"] == SECOND
    server.make(**PICTURE)
    answer = server.post("/models/unload?slot=cuda7", expect=400)
    assert answer["field"] == "slot"
    assert "default" in answer["error"]


@pytest.mark.proves("load.keep_alive")
def test_a_model_leaves_memory_when_it_had_no_work_for_so_long(server: RunningServer) -> None:
    with server.events() as events:
        server.post("/models/load", body(server, SECOND, keep_alive="50ms"))
        assert events.wait_for("model_unloaded") == {
            "model_name": SECOND,
            "slot": "default",
            "reason": "idle",
        }
    health = server.get("/health")
    assert health["model_name"] == SECOND  # still the current one: the next job loads it
    assert SECOND not in resident_names(server)
    server.make(**PICTURE)
    server.post("/models/load", body(server, SECOND, keep_alive=-1))


@pytest.mark.proves("txt2img.keep_alive", "img2img.keep_alive", "txt2vid.keep_alive")
def test_a_job_says_how_long_its_model_stays(server: RunningServer) -> None:
    server.make(**PICTURE, keep_alive="10m")
    (slot,) = server.get("/health")["loaded_slots"]
    assert slot["expires_at"] == slot["resident_models"][0]["expires_at"]
    with server.events() as events:
        server.make(**PICTURE, keep_alive=0)
        assert events.wait_for("model_unloaded")["reason"] == "idle"
    server.make(**PICTURE, keep_alive=-1)
    (slot,) = server.get("/health")["loaded_slots"]
    assert "expires_at" not in slot


def test_a_keep_alive_that_is_no_duration_is_refused(server: RunningServer) -> None:
    for path, request in (("/models/load", body(server, FIRST)), ("/txt2img", PICTURE)):
        answer = server.post(path, request | {"keep_alive": "soon"}, expect=400)
        assert answer["field"] == "keep_alive"
        assert "5m" in answer["error"]
