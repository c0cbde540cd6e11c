"""POST /models/load and /models/unload."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import (
    MODEL,
    NEVER_ENDING,
    REFUSED,
    SCRIPTED,
    SHORT,
    busy,
    load_waiting,
    loads_held,
)
from tests.support.server_setup import ServerSetup

OTHER = "sub folder/other.safetensors"

SERVER = ServerSetup(
    scripted=True,
    files=[
        f"checkpoints/{OTHER}", "vae/ae.safetensors", "clip/clip_l.safetensors", "diffusion_models/d.gguf",
    ],
    loads=[SCRIPTED],
)  # fmt: skip


def load(server: RunningServer, expect: int = 200, **body: Any) -> Any:
    return server.post("/models/load", body, expect=expect)


def test_a_load_answers_with_the_documented_body(server: RunningServer) -> None:
    answer = load(
        server, model_name=OTHER, model_type="checkpoint", vae="ae.safetensors",
        clip_l="clip_l.safetensors", clip_g=None, t5xxl="",
    )  # fmt: skip
    assert answer.keys() >= {"success", "message", "model_name", "model_type", "loaded_components"}
    assert answer["success"] is True
    assert answer["message"] == "Model loaded successfully"
    assert (answer["model_name"], answer["model_type"]) == (OTHER, "checkpoint")
    assert answer["loaded_components"].items() >= {
        "vae": "ae.safetensors", "clip_l": "clip_l.safetensors", "clip_g": None, "t5xxl": None,
        "controlnet": None, "llm": None, "llm_vision": None,
    }.items()  # fmt: skip
    assert "warnings" not in answer
    assert server.get("/health")["loaded_components"] == answer["loaded_components"]


def test_model_type_defaults_to_checkpoint(server: RunningServer) -> None:
    assert load(server, model_name=MODEL)["model_type"] == "checkpoint"


def test_unknown_fields_of_a_load_are_reported_not_refused(server: RunningServer) -> None:
    answer = load(server, model_name=MODEL, lora_dir="x", options={"turbo": True, "n_threads": "2"})
    assert answer["warnings"] == [
        "unknown field 'lora_dir' was ignored",
        "unknown field 'options.turbo' was ignored",
    ]


@pytest.mark.parametrize("body", [{}, {"model_name": None}, {"model_name": ""}, {"vae": "ae.safetensors"}])
def test_a_load_without_a_name_is_refused_in_the_documented_words(
    server: RunningServer, body: dict[str, Any]
) -> None:
    assert load(server, expect=400, **body)["error"] == "model_name is required"


@pytest.mark.parametrize(
    "name", ["invalid_model.safetensors", "../data/sdcpp.db", "/etc/passwd", "sub folder"]
)
def test_a_model_that_is_not_listed_is_not_found_in_the_documented_words(
    server: RunningServer, name: str
) -> None:
    error = load(server, expect=500, model_name=name)["error"]
    assert error == f"Internal error: Model not found: {name}"
    assert server.get("/health")["last_error"] == f"Model not found: {name}"


def test_a_main_model_of_the_other_type_is_not_found_with_a_hint(server: RunningServer) -> None:
    error = load(server, expect=500, model_name="d.gguf", model_type="checkpoint")["error"]
    assert error.startswith("Internal error: Model not found: d.gguf")
    assert "model_type 'diffusion'" in error


def test_missing_components_are_all_named_in_one_message(server: RunningServer) -> None:
    body = {"model_name": MODEL, "vae": "no.vae", "t5xxl": "no.t5", "llm": "../x"}
    error = load(server, expect=400, **body)["error"]
    for part in ("vae: 'no.vae'", "t5xxl: 'no.t5'", "llm: '../x'"):
        assert part in error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model_type": "vae"}, ("model_type", "'checkpoint' or 'diffusion'")),
        ({"options": {"weight_type": "q9"}}, ("options.weight_type", "'q9'", "f16, bf16, q8_0")),
        ({"options": {"rng_type": "dice"}}, ("options.rng_type", "'dice'", "std_default, cuda, cpu")),
        ({"options": {"prediction": "x"}}, ("options.prediction", "'x'", "sd3_flow")),
        ({"options": {"lora_apply_mode": "x"}}, ("options.lora_apply_mode", "auto, immediately, at_runtime")),
        ({"options": {"n_threads": "many"}}, ("options.n_threads", "'many'", "integer")),
        ({"options": {"n_threads": True}}, ("options.n_threads", "True", "not a boolean")),
        ({"options": {"vae_tile_overlap": 2}}, ("options.vae_tile_overlap", "2", "less than or equal to 1")),
        ({"options": [1]}, ("options", "[1]")),
        ({"vae": 7}, ("vae", "7", "string")),
    ],
)
def test_a_bad_value_is_refused_by_name_with_what_is_allowed(
    server: RunningServer, body: dict[str, Any], words: tuple[str, ...]
) -> None:
    error = load(server, expect=400, **{"model_name": MODEL, **body})["error"]
    for word in words:
        assert word in error


def test_a_load_refused_for_its_names_leaves_the_loaded_model_alone(server: RunningServer) -> None:
    load(server, model_name=MODEL)
    load(server, expect=500, model_name="invalid.safetensors")
    load(server, expect=400, model_name=MODEL, vae="no.vae")
    assert server.get("/health")["model_name"] == MODEL
    server.make(**SHORT)


def test_two_loads_at_once_are_one_too_many(server: RunningServer) -> None:
    with server.events() as events, ThreadPoolExecutor() as other:
        with loads_held(server.root):
            first = other.submit(load, server, model_name=OTHER)
            events.wait_for("model_loading_progress")
            error = load(server, expect=409, model_name=MODEL)["error"]
            assert OTHER in error
        first.result()
    assert server.get("/health")["model_name"] == OTHER


def test_a_failed_load_leaves_no_model_and_says_why_in_the_engines_words(server: RunningServer) -> None:
    load(server, model_name=MODEL)
    with server.events() as events:
        error = load(server, expect=500, model_name=REFUSED)["error"]
        told = events.wait_for("model_load_failed")
    assert "refused as scripted" in error
    assert told["model_name"] == REFUSED
    assert "refused as scripted" in told["error"]
    assert server.post("/txt2img", SHORT, expect=400)["error"] == "No model loaded"
    assert server.get("/models")["loaded_model"] is None
    load(server, model_name=MODEL)
    server.make(**SHORT)


def test_a_load_waits_for_the_running_job_and_goes_before_the_waiting_ones(server: RunningServer) -> None:
    load(server, model_name=MODEL)
    with server.events() as events, busy(server) as running:
        waiting = server.submit(**SHORT)
        with load_waiting(server, model_name=OTHER):
            server.http.delete(f"/queue/{running}")
        assert server.wait_for_job(waiting)["model"] == MODEL
        events.wait_for("job_status_changed", lambda d: d["job_id"] == waiting and d["status"] == "completed")
    order = [
        (message["event"], message["data"].get("model_name") or message["data"].get("status"))
        for message in events.heard
        if message["event"] in ("model_loaded", "job_status_changed")
        and message["data"].get("job_id") in (None, waiting)
    ]
    assert order == [
        ("model_loaded", OTHER),
        ("job_status_changed", "processing"),
        ("model_loaded", MODEL),
        ("job_status_changed", "completed"),
    ]
    assert server.get("/health")["model_name"] == OTHER


def test_health_models_and_status_show_the_old_model_until_the_running_job_is_done(
    server: RunningServer,
) -> None:
    load(server, model_name=MODEL)
    with server.events() as events:
        with busy(server) as running, load_waiting(server, model_name=OTHER):
            events.wait_for("model_load_waiting")
            events.connection.send('{"type": "get_status"}')
            status, health = events.wait_for("server_status"), server.get("/health")
            listing = server.get("/models")
            server.http.delete(f"/queue/{running}")
        events.wait_for("model_loaded")
    for told in (health, status):
        assert (told["model_loaded"], told["model_name"]) == (True, MODEL)
        assert (told["model_loading"], told["loading_model_name"]) == (True, OTHER)
        assert told["loaded_components"].keys() >= {"vae"}
    assert (listing["loaded_model"], listing["loaded_model_type"]) == (MODEL, "checkpoint")
    loaded = [entry["name"] for entry in listing["checkpoints"] if entry["is_loaded"]]
    assert loaded == [MODEL]
    heard = [message["event"] for message in events.heard if message["event"].startswith("model_")]
    assert heard == ["model_load_waiting", "model_loading_progress", "model_loaded"]


def test_health_and_models_show_no_model_while_another_one_is_read_in_its_place(
    server: RunningServer,
) -> None:
    load(server, model_name=MODEL)
    with server.events() as events, ThreadPoolExecutor() as other:
        with loads_held(server.root):
            loading = other.submit(load, server, model_name=OTHER)
            events.wait_for("model_loading_progress")
            health, listing = server.get("/health"), server.get("/models")
        loading.result()
    assert (health["model_loaded"], health["loading_model_name"]) == (False, OTHER)
    assert listing["loaded_model"] is None
    assert not any(entry["is_loaded"] for entry in listing["checkpoints"])


def test_a_load_takes_the_place_of_one_that_waits_which_is_told_so_and_never_happens(
    server: RunningServer,
) -> None:
    load(server, model_name=MODEL)
    with (
        server.events() as events,
        busy(server) as running,
        load_waiting(server, expect=409, model_name=REFUSED) as first,
        load_waiting(server, model_name=OTHER),
    ):
        refusal = first.result()
        server.http.delete(f"/queue/{running}")
        events.wait_for("model_loaded")
    assert refusal["code"] == "load_replaced"
    assert refusal["error"] == (
        f"{REFUSED} was not loaded: {OTHER} took its place while it waited for its turn"
    )
    health = server.get("/health")
    assert (health["model_name"], health["last_error"]) == (OTHER, None)
    read = [message["data"]["model_name"] for message in events.heard if "_loading_" in message["event"]]
    assert set(read) == {OTHER}


def test_an_unload_takes_the_place_of_a_load_that_waits(server: RunningServer) -> None:
    load(server, model_name=MODEL)
    with server.events() as events, busy(server) as running, ThreadPoolExecutor() as other:
        with load_waiting(server, expect=409, model_name=OTHER) as first:
            unloading = other.submit(server.post, "/models/unload")
            assert "unload" in first.result()["error"]
            server.http.delete(f"/queue/{running}")
        assert unloading.result()["success"] is True
        assert events.wait_for("model_unloaded")["model_name"] == MODEL
    assert server.get("/health")["model_loaded"] is False


def test_unload_answers_as_documented_and_forgets_the_model(server: RunningServer) -> None:
    load(server, model_name=MODEL)
    with server.events() as events:
        assert server.post("/models/unload") == {"success": True, "message": "Model unloaded"}
        assert events.wait_for("model_unloaded")["model_name"] == MODEL
    health = server.get("/health")
    assert (health["model_loaded"], health["model_name"]) == (False, None)
    assert health["loaded_components"] == {}
    assert server.post("/txt2img", SHORT, expect=400)["error"] == "No model loaded"


def test_unloading_nothing_is_fine(server: RunningServer) -> None:
    server.post("/models/unload")
    assert server.post("/models/unload") == {"success": True, "message": "Model unloaded"}


def test_unload_waits_for_the_running_job(server: RunningServer) -> None:
    load(server, model_name=MODEL)
    with server.events() as events:
        job_id = server.submit(**NEVER_ENDING | {"steps": 40})
        events.wait_for("job_progress")
        server.post("/models/unload")
        job = server.get(f"/queue/{job_id}")
    assert job["status"] == "completed"
