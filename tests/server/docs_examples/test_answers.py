"""Each documented answer, beside what the server says."""

import threading
from typing import Any

import pytest

from tests.support.api_document import answer, blocks, body, curl_body, differences
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import REFUSED, SHORT, busy, loads_held

ERRORS = {
    "POST /models/load without a name",
    "POST /models/load of an unknown model",
    "POST /txt2img without a model",
    "GET /queue/{unknown}",
    "DELETE /queue/{finished}",
}


def documented_of(error: dict[str, Any]) -> dict[str, Any]:
    """What the document knows of an answer for an error: `code` and `field` may stand beside it."""
    assert set(error) <= {"error", "code", "field"}
    return {"error": error["error"]}


def same_shape(name: str, real: Any) -> None:
    assert differences(answer(name), real) == []


@pytest.fixture
def loaded(named: RunningServer) -> RunningServer:
    """With the document's Z-Image model loaded."""
    named.post("/models/load", curl_body("z-image load"))
    return named


def test_health(loaded: RunningServer) -> None:
    same_shape("GET /health", health := loaded.get("/health"))
    for field in ("model_name", "model_type", "last_error", "loading_model_name", "upscaler_name"):
        assert health[field] == answer("GET /health")[field]
    assert health["loaded_components"].items() >= answer("GET /health")["loaded_components"].items()


def test_health_while_loading_and_after_a_failed_load(named: RunningServer) -> None:
    named.post("/models/unload")
    with named.events() as events:
        with loads_held(named.root):
            request = curl_body("flux dev load")
            loading = threading.Thread(target=named.post, args=("/models/load", request))
            loading.start()
            events.wait_for("model_loading_progress")
            documented = answer("GET /health while loading")
            assert named.get("/health").items() >= documented.items()
        loading.join()
    named.post("/models/load", {"model_name": REFUSED}, expect=500)
    documented = answer("GET /health after a failed load")
    health = named.get("/health")
    assert health.pop("last_error").startswith(f"Failed to load model: {REFUSED}")
    assert documented.pop("last_error") == "Failed to load model: invalid_model.gguf"
    assert health.items() >= documented.items()


def test_the_list_of_models(named: RunningServer) -> None:
    named.post("/models/unload")
    same_shape("GET /models", named.get("/models"))


def test_the_filtered_list_of_models(named: RunningServer) -> None:
    named.post("/models/unload")
    documented = answer("GET /models?type=diffusion&search=flux")
    real = named.get("/models", type="diffusion", search="flux")
    assert differences(documented, real) == []
    for key, value in documented.items():
        if key != "diffusion_models":
            assert real[key] == value


def test_a_load(named: RunningServer) -> None:
    real = named.post("/models/load", body("POST /models/load"))
    documented = answer("POST /models/load")
    assert differences(documented, real) == []
    for field in ("success", "message", "model_name", "model_type"):
        assert real[field] == documented[field]


def test_loads_that_fail(named: RunningServer) -> None:
    assert documented_of(named.post("/models/load", {}, expect=400)) == answer(
        "POST /models/load without a name"
    )
    unknown = {"model_name": "invalid_model.safetensors"}
    assert documented_of(named.post("/models/load", unknown, 500)) == answer(
        "POST /models/load of an unknown model"
    )


def test_an_unload_and_what_follows(named: RunningServer) -> None:
    assert named.post("/models/unload") == answer("POST /models/unload")
    assert documented_of(named.post("/txt2img", SHORT, expect=400)) == answer("POST /txt2img without a model")


def test_a_submitted_job(loaded: RunningServer) -> None:
    real = loaded.post("/txt2img", {"prompt": "a lovely cat"}, expect=202)
    assert real.keys() == answer("POST /txt2img").keys()
    same_shape("POST /txt2img", real)


def test_the_queue_and_a_job(loaded: RunningServer) -> None:
    job = loaded.make(**SHORT | {"seed": 12345, "steps": 20})
    same_shape("GET /queue/{job_id}", job)
    assert job["progress"] == answer("GET /queue/{job_id}")["progress"]
    with busy(loaded):
        queue = loaded.get("/queue")
    processing, completed = queue.pop("items")[:2]
    documented = (page := answer("GET /queue")).pop("items")
    assert differences(page, queue) == []
    assert differences(documented[0], completed) == []
    assert differences(documented[1], processing) == []
    assert (completed.keys() ^ processing.keys()) - {"eta_seconds"} == {"completed_at", "engine"}


def test_jobs_that_are_not_there_or_over(loaded: RunningServer) -> None:
    assert documented_of(loaded.http.get("/queue/unknown").json()) == answer("GET /queue/{unknown}")
    done = loaded.make(**SHORT)["job_id"]
    assert documented_of(loaded.http.delete(f"/queue/{done}").json()) == answer("DELETE /queue/{finished}")
    with busy(loaded) as running:
        assert loaded.http.delete(f"/queue/{running}").json() == answer("DELETE /queue/{job_id}")


def test_preview_settings(named: RunningServer) -> None:
    assert named.get("/preview/settings") == answer("GET /preview/settings")
    real = named.http.put("/preview/settings", json=body("PUT /preview/settings")).json()
    assert real == answer("PUT /preview/settings")


def test_options(named: RunningServer) -> None:
    documented, real = answer("GET /options"), named.get("/options")
    assert set(documented["samplers"]) <= set(real["samplers"])
    assert set(documented["schedulers"]) <= set(real["schedulers"])
    assert real["quantization_types"] == documented["quantization_types"]


def test_architectures(loaded: RunningServer) -> None:
    same_shape("GET /architectures", real := loaded.get("/architectures"))
    for name, preset in answer("GET /architectures")["architectures"].items():
        assert real["architectures"][name] == preset


def test_model_paths(named: RunningServer) -> None:
    same_shape("GET /models/paths", named.get("/models/paths"))


@pytest.mark.parametrize("name", ["job_progress", "job_status_changed"])
def test_an_event(loaded: RunningServer, name: str) -> None:
    with loaded.events() as events:
        job_id = loaded.submit(**SHORT)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    of_the_kind = [message for message in events.heard if message["event"] == name]
    same_shape(name, of_the_kind[-1])


def test_every_documented_error_is_compared_word_for_word() -> None:
    errors = {name for name in blocks("answers.md") if answer(name).keys() == {"error"}}
    assert errors == ERRORS
