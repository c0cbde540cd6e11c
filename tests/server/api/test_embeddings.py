"""Embeddings in narrow types and pickles draw what F32 draws, and pictures of nothing are told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support.outputs import pixels
from tests.support.running_server import StartServer
from tests.support.tiny_models import build
from tests.support.torch_pickles import as_tensor, write_zip

BASE: dict[str, Any] = {"width": 64, "height": 64, "steps": 1, "cfg_scale": 1, "seed": 3}


def test_an_embedding_in_f16_or_a_pickle_draws_as_its_copy_in_f32(
    start_server: StartServer, tmp_path: Path
) -> None:
    body = build("sd1").install(tmp_path / "models")
    folder = tmp_path / "models/embeddings"
    folder.mkdir()
    vectors = np.random.default_rng(7).standard_normal((16, 768)).astype(np.float16)
    save_file({"emb_params": vectors}, folder / "narrow.safetensors")
    save_file({"emb_params": vectors.astype(np.float32)}, folder / "wideone.safetensors")
    write_zip(folder / "pickled.pt", {"*": as_tensor(vectors)})
    save_file({"emb_params": np.zeros((2, 1024), np.float32)}, folder / "foreign.safetensors")
    server = start_server()
    server.post("/models/load", body)
    words = ("", "narrow", "wideone", "pickled")
    plain, narrow, wide, pickled = (server.make(prompt=f"a {word} ness cat", **BASE) for word in words)
    assert pixels(server, narrow) == pixels(server, wide) == pixels(server, pickled) != pixels(server, plain)
    assert "warnings" not in narrow
    assert "warnings" not in pickled
    inside = server.make(prompt="a narrowness cat", **BASE)
    assert pixels(server, inside) == pixels(server, narrow)
    assert inside["warnings"] == [
        "embedding narrow acts inside 'narrowness': the engine finds its name in longer words too"
    ]
    foreign = server.make(prompt="a foreign cat", **BASE)
    assert foreign["warnings"] == [
        "embedding foreign has no effect: foreign.safetensors has width 1024,"
        " this model's text encoders have 768"
    ]


@pytest.mark.heavy
def test_an_sdxl_embedding_for_one_encoder_leaves_the_engine_alive(
    start_server: StartServer, tmp_path: Path
) -> None:
    body = build("sdxl").install(tmp_path / "models")
    folder = tmp_path / "models/embeddings"
    folder.mkdir()
    save_file({"clip_g": np.zeros((4, 1280), np.float32)}, folder / "single.safetensors")
    server = start_server()
    server.post("/models/load", body)
    single, again = (server.make(prompt="a single cat", **BASE) for _ in range(2))
    assert pixels(server, single) == pixels(server, again)
    assert single["warnings"] == [
        "embedding single has no effect: single.safetensors has width 1280,"
        " this model's text encoders have 768 and 1280"
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
