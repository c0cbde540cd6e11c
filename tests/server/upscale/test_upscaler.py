"""Loading and unloading the upscaler."""

from pathlib import Path

import psutil
import pytest

from tests.server.upscale.conftest import ESRGAN, load_upscaler, noise
from tests.support import stub_models
from tests.support.running_server import RunningServer, StartServer
from tests.support.tiny_models import build


@pytest.fixture
def fresh(start_server: StartServer, tmp_path: Path) -> RunningServer:
    build("esrgan").install(tmp_path / "models", ESRGAN)
    return start_server()


@pytest.mark.proves("upscaler_load.model_name")
def test_loading_answers_with_the_models_own_factor_and_health_names_it(fresh: RunningServer) -> None:
    with fresh.events() as events:
        answer = load_upscaler(fresh)
        told = events.wait_for("upscaler_loaded")
    assert answer == {
        "success": True,
        "message": "Upscaler loaded successfully",
        "model_name": ESRGAN,
        "upscale_factor": 4,
    }
    assert told == {"model_name": ESRGAN, "upscale_factor": 4}
    health = fresh.get("/health")
    assert (health["upscaler_loaded"], health["upscaler_name"]) == (True, ESRGAN)
    assert health["model_loaded"] is False


def test_unloading_is_told_and_later_requests_are_refused(fresh: RunningServer) -> None:
    load_upscaler(fresh)
    with fresh.events() as events:
        assert fresh.post("/upscaler/unload") == {"success": True, "message": "Upscaler unloaded"}
        assert events.wait_for("upscaler_unloaded") == {"model_name": ESRGAN}
    health = fresh.get("/health")
    assert (health["upscaler_loaded"], health["upscaler_name"]) == (False, None)
    refused = fresh.post("/upscale", {"image_base64": noise(8, 8)}, expect=400)
    assert refused["error"] == "No upscaler loaded"


def test_unloading_nothing_is_fine(fresh: RunningServer) -> None:
    assert fresh.post("/upscaler/unload")["success"] is True


def test_an_upscaler_that_does_not_exist_is_not_found(fresh: RunningServer) -> None:
    body = {"model_name": "nothing.pth"}
    assert fresh.post("/upscaler/load", body, expect=404)["error"] == "Model not found: nothing.pth"


@pytest.mark.parametrize("name", ["../esrgan/" + ESRGAN, "/etc/passwd", ""])
def test_a_name_that_is_no_listed_name_finds_nothing(fresh: RunningServer, name: str) -> None:
    assert fresh.http.post("/upscaler/load", json={"model_name": name}).status_code in (400, 404)


def test_a_file_that_is_no_upscaler_is_refused_in_the_engines_words(
    fresh: RunningServer, tmp_path: Path
) -> None:
    stub_models.write(tmp_path / "models/esrgan/other.safetensors", stub_models.vae())
    load_upscaler(fresh)
    refused = fresh.post("/upscaler/load", {"model_name": "other.safetensors"}, expect=400)
    assert "Failed to load upscaler: other.safetensors: " in refused["error"]
    assert fresh.get("/health")["upscaler_loaded"] is False


def test_a_file_that_is_no_model_is_refused_and_the_upscaler_stays(
    fresh: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "models/esrgan/text.safetensors").write_text("not a model")
    load_upscaler(fresh)
    refused = fresh.post("/upscaler/load", {"model_name": "text.safetensors"}, expect=400)
    assert refused["error"] == (
        "model_name: text.safetensors can't be used: its header is not valid: this is no .safetensors file"
    )
    assert fresh.get("/health")["upscaler_loaded"] is True


@pytest.mark.parametrize(("field", "value"), [("tile_size", 8), ("n_threads", -2), ("tile_size", "big")])
def test_values_out_of_range_are_refused(fresh: RunningServer, field: str, value: object) -> None:
    refused = fresh.post("/upscaler/load", {"model_name": ESRGAN, field: value}, expect=400)
    assert field in refused["error"]


def test_an_unknown_field_is_reported(fresh: RunningServer) -> None:
    answer = load_upscaler(fresh, colour="red")
    assert answer["warnings"] == ["unknown field 'colour' was ignored"]


def test_the_upscaler_is_loaded_again_after_a_restart(fresh: RunningServer) -> None:
    load_upscaler(fresh)
    fresh.restart()
    assert fresh.get("/health")["upscaler_name"] == ESRGAN
    assert fresh.make("/upscale", image_base64=noise(8, 8))["outputs"]


def test_an_unloaded_upscaler_stays_unloaded_after_a_restart(fresh: RunningServer) -> None:
    load_upscaler(fresh)
    fresh.post("/upscaler/unload")
    fresh.restart()
    assert fresh.get("/health")["upscaler_loaded"] is False


def test_after_the_engine_was_killed_the_upscaler_is_loaded_again(fresh: RunningServer) -> None:
    load_upscaler(fresh)
    with fresh.events() as events:
        (child,) = psutil.Process(fresh.process.pid).children()
        child.kill()
        events.wait_for("upscaler_loaded")
    assert fresh.get("/health")["upscaler_name"] == ESRGAN
    assert fresh.make("/upscale", image_base64=noise(8, 8))["outputs"]


@pytest.mark.proves("upscaler_load.n_threads")
def test_n_threads_reaches_the_engine(fresh: RunningServer) -> None:
    def threads(n_threads: int) -> int:
        load_upscaler(fresh, n_threads=n_threads)
        (child,) = psutil.Process(fresh.process.pid).children()
        return child.num_threads()

    few = threads(1)
    assert threads(9) >= few + 8
