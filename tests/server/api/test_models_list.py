"""GET /models, /models/paths and POST /models/refresh."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SCRIPTED, put, serving
from tests.support.server_setup import ServerSetup

LISTS = (
    "checkpoints", "diffusion_models", "vae", "loras", "clip", "t5", "controlnets", "llm", "esrgan", "taesd",
    "embeddings",
)  # fmt: skip
FILES = {
    "checkpoints/SD1x/realisticStockPhoto_v30SD15.safetensors": 2132,
    "diffusion_models/flux1-dev-Q4_K_S.gguf": 687,
    "diffusion_models/flux1-schnell-Q5_K_M.gguf": 823,
    "diffusion_models/z_image_turbo.safetensors": 12,
    "vae/vae-ft-mse-840000-ema-pruned.safetensors": 334,
    "loras/add_detail.safetensors": 144,
    "loras/flux/realism.SAFETENSORS": 20,
    "clip/clip_l.safetensors": 246,
    "t5/t5xxl_fp16.safetensors": 933,
    "controlnet/control_v11p_sd15_canny.safetensors": 145,
    "llm/qwen_3_4b.Q8_0.gguf": 423,
    "esrgan/RealESRGAN_x4plus.pth": 67,
    "taesd/taef1_decoder.safetensors": 49,
    "taesd/taesd_decoder.safetensors": 49,
    "embeddings/easynegative.pt": 5,
    "vae/readme.txt": 5,
    "vae/.hidden.safetensors": 5,
    "vae/half.safetensors.part": 5,
}

SERVER = ServerSetup(scripted=True, loads=[SCRIPTED])


@pytest.fixture(scope="module")
def root(root: Path) -> Path:
    """The API document's models are on disk."""
    for name, size in FILES.items():
        put(root, name, size)
    return root


def names(listing: dict[str, Any]) -> dict[str, list[str]]:
    return {kind: [entry["name"] for entry in listing[kind]] for kind in LISTS if listing[kind]}


def test_every_documented_list_is_there_and_holds_its_folders_files(server: RunningServer) -> None:
    listing = server.get("/models")
    assert listing.keys() >= {*LISTS, "loaded_model", "loaded_model_type"}
    assert "applied_filters" not in listing
    assert names(listing) == {
        "checkpoints": ["refused.safetensors", MODEL, "SD1x/realisticStockPhoto_v30SD15.safetensors"],
        "diffusion_models": [
            "flux1-dev-Q4_K_S.gguf", "flux1-schnell-Q5_K_M.gguf", "z_image_turbo.safetensors"
        ],
        "vae": ["vae-ft-mse-840000-ema-pruned.safetensors"],
        "loras": ["add_detail.safetensors", "flux/realism.SAFETENSORS"],
        "clip": ["clip_l.safetensors"],
        "t5": ["t5xxl_fp16.safetensors"],
        "controlnets": ["control_v11p_sd15_canny.safetensors"],
        "llm": ["qwen_3_4b.Q8_0.gguf"],
        "esrgan": ["RealESRGAN_x4plus.pth"],
        "taesd": ["taef1_decoder.safetensors", "taesd_decoder.safetensors"],
        "embeddings": ["easynegative.pt"],
    }  # fmt: skip


def test_a_diffusion_model_has_exactly_the_documented_fields(server: RunningServer) -> None:
    assert server.get("/models")["diffusion_models"][0] == {
        "name": "flux1-dev-Q4_K_S.gguf",
        "type": "diffusion",
        "file_extension": ".gguf",
        "size_bytes": 687,
        "hash": None,
        "is_loaded": False,
    }


def test_is_loaded_is_only_told_of_checkpoints_and_diffusion_models(server: RunningServer) -> None:
    listing = server.get("/models")
    with_it = {kind for kind in LISTS for entry in listing[kind] if "is_loaded" in entry}
    assert with_it == {"checkpoints", "diffusion_models"}
    assert all(entry["hash"] is None for kind in LISTS for entry in listing[kind])
    assert listing["vae"][0] == {
        "name": "vae-ft-mse-840000-ema-pruned.safetensors",
        "type": "vae",
        "file_extension": ".safetensors",
        "size_bytes": 334,
        "hash": None,
    }


def test_exactly_the_loaded_model_is_marked(server: RunningServer) -> None:
    listing = server.get("/models")
    marked = [e["name"] for e in listing["checkpoints"] + listing["diffusion_models"] if e["is_loaded"]]
    assert marked == [MODEL]
    assert (listing["loaded_model"], listing["loaded_model_type"]) == (MODEL, "checkpoint")


FLUX = ["flux1-dev-Q4_K_S.gguf", "flux1-schnell-Q5_K_M.gguf"]


@pytest.mark.parametrize(
    ("query", "expected", "applied"),
    [
        ({"type": "diffusion", "search": "flux"}, {"diffusion_models": FLUX}, None),
        ({"type": "diffusion", "extension": "gguf"}, {"diffusion_models": FLUX}, None),
        (
            {"extension": ".gguf"},
            {"diffusion_models": FLUX, "llm": ["qwen_3_4b.Q8_0.gguf"]},
            {"extension": ".gguf"},
        ),
        (
            {"extension": "GGUF"},
            {"diffusion_models": FLUX, "llm": ["qwen_3_4b.Q8_0.gguf"]},
            {"extension": "GGUF"},
        ),
        (
            {"search": "FLUX"},
            {"diffusion_models": FLUX, "loras": ["flux/realism.SAFETENSORS"]},
            {"search": "FLUX"},
        ),
        (
            {"name": "detail"},
            {"loras": ["add_detail.safetensors"]},
            {"search": "detail"},
        ),
        ({"type": "lora", "search": "detail"}, {"loras": ["add_detail.safetensors"]}, None),
        ({"type": "lora", "extension": "safetensors", "search": "real"},
         {"loras": ["flux/realism.SAFETENSORS"]}, None),
        ({"type": "esrgan", "search": "no such model"}, {}, None),
    ],
)  # fmt: skip
def test_filters_narrow_the_listing_and_are_told(
    server: RunningServer,
    query: dict[str, str],
    expected: dict[str, list[str]],
    applied: dict[str, str] | None,
) -> None:
    listing = server.get("/models", **query)
    assert names(listing) == expected
    assert listing["applied_filters"] == (applied or query)
    assert listing["loaded_model"] == MODEL


@pytest.mark.parametrize(
    ("model_type", "field"),
    [
        ("checkpoint", "checkpoints"), ("diffusion", "diffusion_models"), ("vae", "vae"), ("lora", "loras"),
        ("clip", "clip"), ("t5", "t5"), ("embedding", "embeddings"), ("controlnet", "controlnets"),
        ("llm", "llm"), ("esrgan", "esrgan"), ("taesd", "taesd"),
    ],
)  # fmt: skip
def test_each_type_filter_keeps_only_its_own_list(server: RunningServer, model_type: str, field: str) -> None:
    listing = server.get("/models", type=model_type)
    assert list(names(listing)) == [field]
    assert {entry["type"] for entry in listing[field]} == {model_type}
    assert listing["applied_filters"] == {"type": model_type}


def test_an_unknown_type_is_refused_with_what_is_allowed(server: RunningServer) -> None:
    answer = server.http.get("/models", params={"type": "model"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.startswith("type: 'model' is not a model type")
    assert "checkpoint, diffusion, vae, lora" in error


def test_paths_names_each_types_folder(server: RunningServer) -> None:
    folder = server.models_dir
    documented = {
        "checkpoints": "checkpoints", "diffusion_models": "diffusion_models", "vae": "vae", "lora": "loras",
        "clip": "clip", "t5": "t5", "embeddings": "embeddings", "controlnet": "controlnet", "llm": "llm",
        "esrgan": "esrgan", "taesd": "taesd",
    }  # fmt: skip
    paths = server.get("/models/paths")
    assert paths.items() >= {key: str(folder / name) for key, name in documented.items()}.items()


def test_a_folder_of_one_type_can_be_set_elsewhere(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "my loras"
    elsewhere.mkdir()
    (elsewhere / "mine.safetensors").touch()
    with serving(tmp_path, loaded=False, paths_folders=f'{{"lora": "{elsewhere}"}}') as other:
        assert other.get("/models/paths")["lora"] == str(elsewhere)
        assert [entry["name"] for entry in other.get("/models")["loras"]] == ["mine.safetensors"]


def test_refresh_shows_new_files_at_once_and_forgets_deleted_ones(server: RunningServer) -> None:
    new = put(server.root, "vae/brand new é 新.safetensors")
    assert server.post("/models/refresh")["success"] is True
    assert "brand new é 新.safetensors" in [entry["name"] for entry in server.get("/models")["vae"]]
    new.unlink()
    answer = server.post("/models/refresh")
    assert answer["models"] == server.get("/models")
    assert "brand new é 新.safetensors" not in [entry["name"] for entry in server.get("/models")["vae"]]
