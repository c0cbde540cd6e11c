"""Which architecture is loaded: named by the engine's own detection, whatever the file is called."""

import pytest

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

KNOWN = [
    ("minit2i", "MiniT2I", "MiniT2I", "diffusion"),
    ("flux_schnell", "Flux", "Flux", "diffusion"),
    ("flux_dev", "Flux", "Flux", "diffusion"),
    ("zimage", "Z-Image", "Z-Image", "diffusion"),
    ("sd1", "SD1.5", "SD1", "checkpoint"),
]

SERVER = ServerSetup()


@pytest.mark.parametrize(("kind", "name", "key", "model_type"), KNOWN)
def test_a_loaded_model_is_named_by_its_tensors(
    server: RunningServer, kind: str, name: str, key: str, model_type: str
) -> None:
    body = build(kind).install(server.models_dir, "any name.safetensors")
    with server.events() as events:
        answer = server.post("/models/load", body)
        assert events.wait_for("model_loaded")["model_architecture"] == name
    progress = [m["data"] for m in events.heard if m["event"] == "model_loading_progress"]
    assert progress[-1]["model_name"] == "any name.safetensors"
    assert 0 < progress[-1]["step"] <= progress[-1]["total_steps"]
    assert answer["loaded_components"].items() >= {k: v for k, v in body.items() if "model" not in k}.items()
    health = server.get("/health")
    assert (health["model_architecture"], health["model_type"]) == (name, model_type)
    assert health["model_name"] == "any name.safetensors"
    architectures = server.get("/architectures")
    assert architectures["current_architecture"] == key
    assert architectures["current_preset"] == architectures["architectures"][key]
    job = server.make(prompt="a cat", width=64, height=64, steps=1, cfg_scale=1, seed=1)
    assert job["model"] == "any name.safetensors"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"<!doctype html><html></html>", "this is no .safetensors file"),
        (bytes(range(256)) * 100, "this is no .safetensors file"),
        (b"GGUF" + b"\xff" * 100, "GGUF version 4294967295 is not known"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "the header is longer than the file"),
    ],
    ids=["empty", "HTML", "noise", "bad GGUF", "bad safetensors"],
)
def test_a_file_that_is_no_model_is_refused_and_the_server_lives(
    server: RunningServer, content: bytes, words: str
) -> None:
    folder = server.models_dir / "checkpoints"
    folder.mkdir(exist_ok=True)
    (folder / "broken.safetensors").write_bytes(content)
    error = server.post("/models/load", {"model_name": "broken.safetensors"}, expect=400)["error"]
    assert words in error
    assert "broken.safetensors" in server.get("/health")["last_error"]
    server.post("/models/load", build("minit2i").install(server.models_dir))
    server.make(prompt="a cat", width=64, height=64, steps=1, seed=1)
