"""The fields upscale, upscale_repeats and upscale_auto_unload of generations."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.upscale.conftest import ESRGAN, load_upscaler, noise
from tests.support.outputs import opened
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

PROMPT: dict[str, Any] = {
    "prompt": "a cat", "width": 32, "height": 32, "steps": 2, "cfg_scale": 1, "seed": 7,
}  # fmt: skip


@pytest.fixture(scope="module")
def drawing(root: Path) -> Iterator[RunningServer]:
    """A server with the upscaler and a small main model loaded."""
    with ServerSetup(models=[("esrgan", ESRGAN)], loads=["minit2i"]).running(root) as running:
        yield running


@pytest.fixture(autouse=True)
def _loaded(drawing: RunningServer) -> None:
    load_upscaler(drawing)


def test_without_the_field_nothing_is_enlarged(drawing: RunningServer) -> None:
    assert opened(drawing, drawing.make(**PROMPT)).size == (32, 32)
    assert drawing.get("/health")["upscaler_loaded"] is True


@pytest.mark.proves("txt2img.upscale")
def test_every_image_of_the_batch_is_enlarged(drawing: RunningServer) -> None:
    job = drawing.make(**PROMPT, upscale=True, batch_count=2)
    assert [opened(drawing, job, index).size for index in (0, 1)] == [(128, 128), (128, 128)]
    assert job["upscaler"] == ESRGAN


def test_it_is_the_same_picture_that_the_upscaler_makes_of_it_alone(drawing: RunningServer) -> None:
    small = drawing.make(**PROMPT)
    data = drawing.http.get(f"/output/{small['outputs'][0]}").content
    alone = drawing.make("/upscale", image_base64=base64.b64encode(data).decode())
    together = drawing.make(**PROMPT, upscale=True)
    assert opened(drawing, together).tobytes() == opened(drawing, alone).tobytes()


def test_the_text_in_the_file_still_tells_prompt_and_seed(drawing: RunningServer) -> None:
    text = opened(drawing, drawing.make(**PROMPT, upscale=True)).info["parameters"]
    assert text.startswith("a cat\n")
    assert "Seed: 7" in text
    assert "Size: 32x32" in text


@pytest.mark.proves("txt2img.upscale_repeats")
def test_upscale_repeats_multiplies_again(drawing: RunningServer) -> None:
    small = {**PROMPT, "width": 16, "height": 16}
    assert opened(drawing, drawing.make(**small, upscale=True, upscale_repeats=2)).size == (256, 256)


def test_the_upscaler_is_unloaded_after_use(drawing: RunningServer) -> None:
    with drawing.events() as events:
        drawing.make(**PROMPT, upscale=True)
        assert events.wait_for("upscaler_unloaded") == {"model_name": ESRGAN}
    assert drawing.get("/health")["upscaler_loaded"] is False
    refused = drawing.post("/txt2img", {**PROMPT, "upscale": True}, expect=400)
    assert refused["error"] == "No upscaler loaded"


@pytest.mark.proves("txt2img.upscale_auto_unload")
def test_it_stays_when_upscale_auto_unload_is_false(drawing: RunningServer) -> None:
    drawing.make(**PROMPT, upscale=True, upscale_auto_unload=False)
    assert drawing.get("/health")["upscaler_name"] == ESRGAN


def test_a_waiting_job_whose_upscaler_was_unloaded_loads_it_again(drawing: RunningServer) -> None:
    first = drawing.submit(**PROMPT, upscale=True)
    second = drawing.submit(**PROMPT, upscale=True)
    assert drawing.wait_for_job(first)["status"] == "completed"
    job = drawing.wait_for_job(second)
    assert job["status"] == "completed"
    assert opened(drawing, job).size == (128, 128)


@pytest.mark.proves("img2img.upscale", "img2img.upscale_repeats", "img2img.upscale_auto_unload")
def test_image_to_image_is_enlarged_too(drawing: RunningServer) -> None:
    body = {**PROMPT, "init_image_base64": noise(16, 16), "width": 16, "height": 16, "upscale": True}
    once = drawing.make("/img2img", **body, upscale_auto_unload=False)
    assert drawing.get("/health")["upscaler_name"] == ESRGAN
    twice = drawing.make("/img2img", **body, upscale_repeats=2)
    assert drawing.get("/health")["upscaler_name"] is None
    assert [opened(drawing, job).size for job in (once, twice)] == [(64, 64), (256, 256)]


def test_a_size_past_the_limit_is_refused_at_submit(drawing: RunningServer) -> None:
    body = {**PROMPT, "upscale": True, "upscale_repeats": 5}
    refused = drawing.post("/txt2img", body, expect=400)
    assert "upscale_repeats" in refused["error"]
    assert "limits.max_pixels" in refused["error"]
