"""An upscaler whose own factor is not the documented default."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.server.upscale.conftest import noise
from tests.support.outputs import opened
from tests.support.running_server import RunningServer
from tests.support.tiny_models.files import shapes
from tests.support.tiny_models.weights import random_tensors, write_safetensors

TWICE = "twice.safetensors"


@pytest.fixture(scope="module")
def doubling(root: Path) -> Iterator[RunningServer]:
    """A server whose upscaler lacks the second of the two layers that double the size."""
    layers = {name: shape for name, shape in shapes("esrgan").items() if not name.startswith("conv_up2")}
    write_safetensors(root / "models/esrgan" / TWICE, lambda: random_tensors(layers, seed=12))
    with RunningServer(root) as running:
        answer = running.post("/upscaler/load", {"model_name": TWICE, "n_threads": 2})
        assert answer["upscale_factor"] == 2
        yield running


def test_a_factor_that_is_not_given_is_four_and_told_in_a_warning(doubling: RunningServer) -> None:
    answer = doubling.post("/upscale", {"image_base64": noise(8, 8)}, expect=202)
    assert len(answer["warnings"]) == 1
    assert "upscale_factor was not given" in answer["warnings"][0]
    job = doubling.wait_for_job(answer["job_id"])
    own = opened(doubling, doubling.make("/upscale", image_base64=noise(8, 8), upscale_factor=2))
    assert own.size == (16, 16)
    assert opened(doubling, job).tobytes() == own.resize((32, 32), Image.Resampling.LANCZOS).tobytes()


def test_a_factor_that_is_given_needs_no_warning(doubling: RunningServer) -> None:
    body = {"image_base64": noise(8, 8), "upscale_factor": 4}
    assert "warnings" not in doubling.post("/upscale", body, expect=202)
