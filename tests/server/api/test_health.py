"""GET /health in its three documented states."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, NEVER_ENDING, REFUSED, loads_held, serving

ALWAYS = {
    "status", "model_loaded", "model_loading", "loading_model_name", "last_error", "model_name", "model_type",
    "model_architecture", "loaded_components",
}  # fmt: skip
UPSCALER = {"upscaler_loaded", "upscaler_name"}
COMPONENTS = {"vae", "clip_l", "clip_g", "t5xxl", "controlnet", "llm", "llm_vision"}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that never loaded anything."""
    with serving(tmp_path, loaded=False) as server:
        yield server


def test_health_with_a_loaded_model_has_the_documented_fields(scripted: RunningServer) -> None:
    health = scripted.get("/health")
    assert health.keys() >= ALWAYS | UPSCALER
    assert health["status"] == "ok"
    assert health["model_loaded"] is True
    assert health["model_loading"] is False
    assert health["loading_model_name"] is None
    assert health["last_error"] is None
    assert health["model_name"] == MODEL
    assert health["model_type"] == "checkpoint"
    assert health["model_architecture"] == "SD1.5"
    assert health["upscaler_loaded"] is False
    assert health["upscaler_name"] is None


def test_loaded_components_has_the_seven_documented_keys_all_null_when_none_was_named(
    scripted: RunningServer,
) -> None:
    components = scripted.get("/health")["loaded_components"]
    assert components.keys() >= COMPONENTS
    assert set(components.values()) == {None}


def test_health_tells_what_each_slot_holds(scripted: RunningServer) -> None:
    (slot,) = scripted.get("/health")["loaded_slots"]
    assert slot["model_name"] == MODEL
    assert slot["model_architecture"] == "SD1.5"


def test_health_tells_the_port_of_the_events(scripted: RunningServer) -> None:
    assert scripted.get("/health")["ws_port"] == scripted.ws_port


def test_health_before_anything_was_loaded_is_empty_but_ok(empty: RunningServer) -> None:
    health = empty.get("/health")
    assert health.keys() >= ALWAYS | UPSCALER
    assert health["status"] == "ok"
    assert (health["model_loaded"], health["model_loading"]) == (False, False)
    for field in ("loading_model_name", "last_error", "model_name", "model_type", "model_architecture"):
        assert health[field] is None
    assert health["loaded_components"] == {}


def test_health_during_the_first_load_names_what_is_loading_and_nothing_else(empty: RunningServer) -> None:
    with empty.events() as events:
        with loads_held(empty.root):
            loading = threading.Thread(target=empty.post, args=("/models/load", {"model_name": MODEL}))
            loading.start()
            events.wait_for("model_loading_progress")
            health = empty.get("/health")
            assert health["model_loading"] is True
            assert health["loading_model_name"] == MODEL
            assert health["model_loaded"] is False
            for field in ("last_error", "model_name", "model_type", "model_architecture"):
                assert health[field] is None
            assert health["loaded_components"] == {}
            assert empty.post("/txt2img", NEVER_ENDING, expect=400)["error"] == "No model loaded"
        events.wait_for("model_loaded")
        health = empty.get("/health")  # at once: what was told must be true
        assert (health["model_loaded"], health["model_loading"]) == (True, False)
        loading.join()


def test_health_after_a_failed_load_says_why_and_has_no_model(empty: RunningServer) -> None:
    empty.post("/models/load", {"model_name": REFUSED}, expect=500)
    health = empty.get("/health")
    assert health["last_error"] == f"Failed to load model: {REFUSED}: refused as scripted"
    assert (health["model_loaded"], health["model_loading"]) == (False, False)
    for field in ("loading_model_name", "model_name", "model_type", "model_architecture"):
        assert health[field] is None
    assert health["loaded_components"] == {}


def test_a_successful_load_clears_the_last_error(empty: RunningServer) -> None:
    empty.post("/models/load", {"model_name": REFUSED}, expect=500)
    empty.post("/models/load", {"model_name": MODEL})
    assert empty.get("/health")["last_error"] is None


def test_health_while_a_second_model_loads_shows_neither(empty: RunningServer) -> None:
    empty.post("/models/load", {"model_name": MODEL})
    with empty.events() as events:
        with loads_held(empty.root):
            loading = threading.Thread(
                target=empty.post, args=("/models/load", {"model_name": MODEL, "options": {"n_threads": 1}})
            )
            loading.start()
            events.wait_for("model_loading_progress")
            health = empty.get("/health")
            assert (health["model_loaded"], health["model_loading"]) == (False, True)
            assert health["model_name"] is None
            assert health["loaded_components"] == {}
        loading.join()
    assert empty.get("/health")["model_loaded"] is True
