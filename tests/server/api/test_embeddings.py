"""Embeddings in narrow types draw what their F32 copies draw, and pictures of nothing are told."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.support.outputs import pixels
from tests.support.running_server import StartServer
from tests.support.tiny_models import build

BASE: dict[str, Any] = {"width": 64, "height": 64, "steps": 1, "cfg_scale": 1, "seed": 3}


def test_an_embedding_in_f16_draws_as_its_copy_in_f32(start_server: StartServer, tmp_path: Path) -> None:
    body = build("sd1").install(tmp_path / "models")
    folder = tmp_path / "models/embeddings"
    folder.mkdir()
    vectors = np.random.default_rng(7).standard_normal((16, 768)).astype(np.float16)
    save_file({"emb_params": vectors}, folder / "narrow.safetensors")
    save_file({"emb_params": vectors.astype(np.float32)}, folder / "wideone.safetensors")
    save_file({"emb_params": np.zeros((2, 1024), np.float32)}, folder / "foreign.safetensors")
    server = start_server()
    server.post("/models/load", body)
    plain, narrow, wide = (server.make(prompt=f"a {word} cat", **BASE) for word in ("", "narrow", "wideone"))
    assert pixels(server, narrow) == pixels(server, wide) != pixels(server, plain)
    assert "warnings" not in narrow
    foreign = server.make(prompt="a foreign cat", **BASE)
    assert foreign["warnings"] == [
        "embedding foreign has no effect: foreign.safetensors has width 1024,"
        " this model's text encoders have 768"
    ]


def test_weights_that_are_no_numbers_make_a_picture_that_is_told(
    start_server: StartServer, tmp_path: Path
) -> None:
    body = build("sd1").install(tmp_path / "models")
    build("lora_sd1").install(tmp_path / "models")
    loras = tmp_path / "models/loras"
    broken = {name: tensor * np.nan for name, tensor in load_file(loras / "lora_sd1.safetensors").items()}
    save_file(broken, loras / "nan.safetensors")
    server = start_server()
    server.post("/models/load", body)
    job_id = server.submit(prompt="a cat <lora:nan:1>", **BASE)
    with server.events() as events:
        job = server.get(f"/queue/{job_id}")
        if job["status"] != "completed":
            changed = events.wait_for("job_status_changed", lambda data: data["status"] == "completed")
            job = server.get(f"/queue/{job_id}")
            assert changed["warnings"] == job["warnings"]
    (warning,) = job["warnings"]
    assert warning.startswith("image_0.png is ")
    assert "NaN" in warning
    assert server.get(f"/output/{job_id}/config.json")["warnings"] == [warning]
