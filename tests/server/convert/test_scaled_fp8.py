"""POST /convert of scaled FP8: the scales are applied, so that the model draws what it should."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.server.convert.conftest import convert
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.scaled_fp8 import write_scaled
from tests.support.tiny_models.files import cached

PICTURE: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "steps": 2,
    "cfg_scale": 1,
    "seed": 1,
}


def test_a_scaled_model_is_refused_by_a_load_and_draws_once_it_is_converted(
    server: RunningServer, zimage: dict[str, str], root: Path
) -> None:
    folder = root / "models/diffusion_models"
    tensors = load_file(cached("zimage.safetensors"))
    write_scaled(folder / "scaled.safetensors", tensors, folder / "plain.safetensors")
    body = {**zimage, "options": {"n_threads": 2}}
    refused = server.post("/models/load", {**body, "model_name": "scaled.safetensors"}, expect=400)["error"]
    assert refused.endswith("or have POST /convert apply them")
    shown = []
    for name in ("scaled", "plain"):
        job = convert(server, input_path=f"{name}.safetensors", output_type="f16")
        server.post("/models/load", {**body, "model_name": job["result"]["name"]})
        shown.append(np.frombuffer(pixels(server, server.make(**PICTURE)), np.uint8).astype(int))
    assert np.abs(shown[0] - shown[1]).max() <= 4  # of 255: some weights are in f16, and in f32 the others
    assert shown[0].std() > 10
    assert not list((root / "models").rglob(".*"))


@pytest.mark.heavy
def test_a_scaled_vae_is_baked_in_with_its_scales_applied(server: RunningServer, root: Path) -> None:
    folder = root / "models/vae"
    tensors = load_file(cached("vae_sd1.safetensors"))
    write_scaled(folder / "scaled_vae.safetensors", tensors, folder / "plain_vae.safetensors")
    made = []
    for name in ("scaled_vae", "plain_vae"):
        convert(
            server,
            input_path=str(folder / "plain_vae.safetensors"),
            vae_path=f"{name}.safetensors",
            output_path=str(folder / f"with_{name}.gguf"),
            output_type="f16",
        )
        made.append((folder / f"with_{name}.gguf").read_bytes())
    assert made[0] == made[1]
