"""GET /models/inspect, loads by name alone, GET /models?details=true, GET /models/thumb."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support import stub_models
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

KINDS = {"minit2i": "MiniT2I", "flux_schnell": "Flux", "zimage": "Z-Image", "sd1": "SD1.5"}
ONE_THREAD = {"options": {"n_threads": 1}}


@pytest.fixture(scope="module")
def bodies(root: Path) -> dict[str, dict[str, str]]:
    """All files of several tiny models, and damaged ones, in one library; the body that loads each."""
    models = root / "models"
    stub_models.write(models / "t5/a_wide.safetensors", stub_models.t5(4096))
    stub_models.write(models / "taesd/a_tiny.safetensors", stub_models.taesd(12))
    (models / "checkpoints").mkdir(parents=True)
    (models / "checkpoints/broken.gguf").write_bytes(b"GGUF" + b"\xff" * 40)
    (models / "checkpoints/old.ckpt").write_bytes(b"\x80\x02cos\nsystem\n")
    for kind in ("lora_flux", "lora_sd1"):
        build(kind).install(models)
    return {kind: build(kind).install(models) for kind in KINDS}


@pytest.fixture(scope="module")
def server_setup(bodies: object) -> ServerSetup:
    """All models are there before it starts."""
    return ServerSetup()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.proves("load.model_name", "load.model_type")
def test_a_name_is_enough_to_load_and_draw(
    server: RunningServer, bodies: dict[str, dict[str, str]], kind: str
) -> None:
    body = bodies[kind]
    inspected = server.get(f"/models/inspect/{body['model_type']}/{body['model_name']}")
    assert inspected["architecture"] == KINDS[kind]
    assert inspected["load"] == body
    loaded = server.post("/models/load", {"model_name": body["model_name"], **ONE_THREAD})
    assert loaded["model_type"] == body["model_type"]
    assert loaded["model_architecture"] == KINDS[kind]  # what the engine itself says
    picked = {part: name for part, name in loaded["loaded_components"].items() if name}
    assert picked == {part: name for part, name in body.items() if not part.startswith("model_")}
    assert server.get("/health")["loaded_components"] == loaded["loaded_components"]
    server.make(prompt="a cat", width=64, height=64, steps=1, cfg_scale=1)


def test_what_was_picked_is_told_to_everybody(server: RunningServer) -> None:
    with server.events() as events:
        server.post("/models/load", {"model_name": "minit2i.safetensors", **ONE_THREAD})
        told = events.wait_for("model_loaded")
    assert told["model_type"] == "diffusion"
    assert told["loaded_components"]["t5xxl"] == "t5xxl.safetensors"


def test_a_checkpoint_tells_what_it_contains(server: RunningServer) -> None:
    found = server.get("/models/inspect/checkpoint/sd1.gguf")
    assert [(one["kind"], one["name"], one["quantization"]) for one in found["contains"]] == [
        ("diffusion", "SD1.5", "f16"), ("clip_l", "CLIP-L", "q4_0"),
    ]  # fmt: skip
    assert found["parameters"] == 133_422_948
    assert (found["format"], found["quantization"], found["problem"]) == ("gguf", "q4_0", None)
    assert found["needs"] == [{"component": "vae", "required": True, "candidates": [], "picked": None}]


def test_files_that_cannot_be_read_are_told_and_nothing_breaks(server: RunningServer) -> None:
    found = server.get("/models/inspect/checkpoint/broken.gguf")
    assert found["problem"] == "its header is not valid: GGUF version 4294967295 is not known"
    assert (found["architecture"], found["contains"], found["needs"]) == (None, [], [])
    found = server.get("/models/inspect/checkpoint/old.ckpt")
    assert (found["format"], found["architecture"], found["problem"]) == (None, None, None)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("model/x.gguf", 400, "checkpoint"),
        ("checkpoint/missing.gguf", 404, "Model not found: missing.gguf"),
        ("checkpoint/..%2f..%2fdata%2fsdcpp.db", 404, "Model not found"),
        ("checkpoint/%00", 404, "Model not found"),
    ],
)
def test_what_is_not_there_is_a_clear_answer(
    server: RunningServer, path: str, status: int, says: str
) -> None:
    for what in ("inspect", "thumb"):
        answer = server.http.get(f"/models/{what}/{path}")
        assert answer.status_code == status
        assert says in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"model_name": "minit2i.safetensors", "t5xxl": ""},
            "t5xxl: MiniT2I needs one; of the files on disk, these fit: t5xxl.safetensors",
        ),
        (
            {"model_name": "minit2i.safetensors", "t5xxl": "a_wide.safetensors"},
            "t5xxl: 'a_wide.safetensors' has width 4096; MiniT2I needs 64; of the files on disk, these fit:"
            " t5xxl.safetensors",
        ),
        (
            {"model_name": "zimage.safetensors", "taesd": "taesd.safetensors"},
            "taesd: 'taesd.safetensors' has channels 4; Z-Image needs 16; of the files on disk, these fit:"
            " taef1.safetensors",
        ),
    ],
)
@pytest.mark.proves("load.t5xxl", "load.taesd")
def test_what_would_end_the_engine_is_refused_before_it_and_the_model_stays(
    server: RunningServer, body: dict[str, str], says: str
) -> None:
    server.post("/models/load", {"model_name": "minit2i.safetensors", **ONE_THREAD})
    assert server.post("/models/load", body, expect=400)["error"] == says
    health = server.get("/health")
    assert (health["model_name"], health["last_error"]) == ("minit2i.safetensors", says)


def test_a_lora_of_another_architecture_is_a_warning(server: RunningServer) -> None:
    server.post("/models/load", {"model_name": "flux_schnell.safetensors", **ONE_THREAD})
    wanted = {"width": 64, "height": 64, "steps": 1, "cfg_scale": 1}
    mine = server.post("/txt2img", {"prompt": "a cat <lora:lora_flux>", **wanted}, expect=202)
    assert "warnings" not in mine
    other = server.post("/txt2img", {"prompt": "a cat <lora:lora_sd1>", **wanted}, expect=202)
    assert other["warnings"] == [
        "loras: lora_sd1.safetensors is made for SD1.5, this model is Flux: it may not act at all"
    ]
    assert server.wait_for_job(other["job_id"])["status"] == "completed"


def test_a_lora_is_not_merged_into_quantised_weights(server: RunningServer) -> None:
    options = {"n_threads": 1, "lora_apply_mode": "immediately", "weight_type": "q8_0"}
    server.post("/models/load", {"model_name": "flux_schnell.safetensors", "options": options})
    refused = server.post("/txt2img", {"prompt": "a cat <lora:lora_flux>"}, expect=400)
    assert refused["error"] == (
        "loras: lora_flux.safetensors can't be merged into the q8_0 weights of the diffusion;"
        " load the model with lora_apply_mode 'at_runtime'"
    )


def test_the_default_model_of_the_settings_gets_its_components_too(
    start_server: StartServer, tmp_path: Path
) -> None:
    build("minit2i").install(tmp_path / "models")
    server = start_server(env={"SDCPP_ENGINE_DEFAULT_MODEL": '{"model_name": "minit2i.safetensors"}'})
    server.wait_for_log(r"loading t5xxl from '.*/t5/t5xxl\.safetensors'")


# ---------------------------------------------------------------- details


def entry(server: RunningServer, name: str, **query: Any) -> dict[str, Any]:
    listing = server.get("/models", search=name, **query)
    (found,) = [one for models in listing.values() if isinstance(models, list) for one in models]
    return dict(found)


def test_details_come_on_request_only(server: RunningServer) -> None:
    plain = entry(server, "flux_schnell")
    assert plain.keys() == {"name", "type", "file_extension", "size_bytes", "hash", "is_loaded"}
    detailed = entry(server, "flux_schnell", details="true")
    assert detailed == plain | {
        "architecture": "Flux", "quantization": "f16", "parameters": 1_063_872, "title": None,
        "trigger_words": [], "base_model": None, "notes": "", "tags": [], "thumbnail": None,
    }  # fmt: skip
    assert entry(server, "broken", details="true")["architecture"] is None


def test_a_lora_shows_title_trigger_words_and_picture(server: RunningServer) -> None:
    folder = server.models_dir / "loras" / "my ärt"
    layers = stub_models.lora("lora_unet_double_blocks_0_img_attn_qkv")
    stub_models.write(folder / "cat #1.safetensors", layers, metadata={"modelspec.title": "In the file"})
    (folder / "cat #1.civitai.info").write_text(json.dumps({"trainedWords": ["ohwx"]}))
    Image.new("RGB", (300, 200), "red").save(folder / "cat #1.png")
    server.post("/models/refresh")
    found = entry(server, "cat #1", details="true")
    assert (found["architecture"], found["title"], found["trigger_words"]) == (
        "Flux",
        "In the file",
        ["ohwx"],
    )
    answer = server.http.get(found["thumbnail"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (120, 120)
    again = server.http.get(found["thumbnail"], headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert {path.name for path in folder.iterdir()} == {
        "cat #1.safetensors", "cat #1.civitai.info", "cat #1.png"
    }  # fmt: skip


def test_a_model_without_a_picture_has_no_thumbnail(server: RunningServer) -> None:
    answer = server.http.get("/models/thumb/lora/lora_flux.safetensors")
    assert answer.status_code == 404
    assert answer.json()["error"] == "There is no picture beside lora_flux.safetensors"


def test_what_only_looks_like_a_picture_has_no_thumbnail(server: RunningServer) -> None:
    folder = server.models_dir / "loras"
    os.mkfifo(folder / "lora_flux.png")
    os.mkfifo(folder / "lora_flux.json")
    (folder / "lora_sd1.png").symlink_to("nowhere")
    for name in ("lora_flux", "lora_sd1"):
        assert server.http.get(f"/models/thumb/lora/{name}.safetensors").status_code == 404
        assert entry(server, name, details="true")["trigger_words"] == []


def test_details_and_their_filters_have_the_shape_of_the_plain_listing(server: RunningServer) -> None:
    plain, detailed = (server.get("/models", type="taesd", details=text) for text in ("false", "true"))
    assert plain.keys() == detailed.keys()
    assert [one["name"] for one in detailed["taesd"]] == [one["name"] for one in plain["taesd"]]
    assert server.http.get("/models", params={"details": "maybe"}).status_code == 400
