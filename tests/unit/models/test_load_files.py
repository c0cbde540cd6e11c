from collections.abc import Callable
from pathlib import Path

import pytest

from sdcpp_restapi.errors import BadRequest, ModelNotFound
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.schemas.model_types import COMPONENTS, Component
from sdcpp_restapi.schemas.models import LoadRequest

Put = Callable[..., Path]

EVERYTHING: dict[Component, str] = {
    "vae": "ae.safetensors",
    "clip_l": "clip_l.safetensors",
    "clip_g": "clip_g.safetensors",
    "clip_vision": "clip_vision_h.safetensors",
    "t5xxl": "t5xxl_fp16.safetensors",
    "controlnet": "canny.safetensors",
    "llm": "qwen_3_4b.Q8_0.gguf",
    "llm_vision": "mmproj.gguf",
    "taesd": "taesd.safetensors",
    "high_noise_diffusion_model": "wan/high.gguf",
    "photo_maker": "photomaker-v2.bin",
}


async def test_every_component_is_found_in_its_folder(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("diffusion/flux1-dev-Q4_K_S.gguf")
    for field, name in EVERYTHING.items():
        put(f"{COMPONENTS[field].types[0]}/{name}")
    request = LoadRequest.model_validate(
        {"model_name": "flux1-dev-Q4_K_S.gguf", "model_type": "diffusion", **EVERYTHING}
    )
    files = await catalog.resolve(request)
    assert files.main == str(tmp_path / "diffusion/flux1-dev-Q4_K_S.gguf")
    assert files.model_type == "diffusion"
    assert files.components == {
        field: str(tmp_path / COMPONENTS[field].types[0] / name) for field, name in EVERYTHING.items()
    }


async def test_photo_maker_may_lie_among_the_checkpoints(catalog: Catalog, put: Put) -> None:
    put("checkpoint/sdxl.safetensors")
    path = put("checkpoint/photomaker-v1.bin")
    request = LoadRequest(model_name="sdxl.safetensors", photo_maker="photomaker-v1.bin")
    assert (await catalog.resolve(request)).components == {"photo_maker": str(path)}


async def test_embeddings_are_known_by_their_stem(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("checkpoint/sd15.safetensors")
    put("embedding/bad-hands.v2.pt")
    put("embedding/sub/easy.safetensors")
    files = await catalog.resolve(LoadRequest(model_name="sd15.safetensors"))
    assert files.embeddings == {
        "bad-hands.v2": str(tmp_path / "embedding/bad-hands.v2.pt"),
        "easy": str(tmp_path / "embedding/sub/easy.safetensors"),
    }


async def test_a_missing_main_model_is_told_as_documented(catalog: Catalog) -> None:
    with pytest.raises(ModelNotFound) as caught:
        await catalog.resolve(LoadRequest(model_name="invalid_model.safetensors"))
    assert str(caught.value) == "Model not found: invalid_model.safetensors"


async def test_all_problems_are_told_at_once(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("clip/t5xxl.gguf")
    request = LoadRequest(model_name="no.gguf", vae="no_vae.gguf", t5xxl="t5xxl.gguf")
    with pytest.raises(ModelNotFound) as caught:
        await catalog.resolve(request)
    assert str(caught.value) == (
        "Model not found: no.gguf"
        f"; vae: 'no_vae.gguf' was not found in vae ({tmp_path}/vae)"
        f"; t5xxl: 't5xxl.gguf' was not found in t5 ({tmp_path}/t5), but it is in clip"
    )


async def test_a_model_of_the_other_folder_is_pointed_to(catalog: Catalog, put: Put) -> None:
    put("diffusion/flux.gguf")
    with pytest.raises(
        ModelNotFound, match=r"Model not found: flux.gguf \(it is in diffusion: use model_type"
    ):
        await catalog.resolve(LoadRequest(model_name="flux.gguf"))


async def test_missing_components_alone_are_a_bad_request(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("checkpoint/sd15.safetensors")
    request = LoadRequest(
        model_name="sd15.safetensors", vae="../checkpoint/sd15.safetensors", photo_maker="p"
    )
    with pytest.raises(BadRequest) as caught:
        await catalog.resolve(request)
    assert str(caught.value) == (
        f"vae: '../checkpoint/sd15.safetensors' was not found in vae ({tmp_path}/vae)"
        f"; photo_maker: 'p' was not found in photomaker ({tmp_path}/photomaker)"
        f" or checkpoint ({tmp_path}/checkpoint)"
    )


async def test_a_model_that_was_just_added_is_found(tmp_path: Path, put: Put) -> None:
    catalog = Catalog({"checkpoint": tmp_path / "checkpoint"}, refresh_after=3600)
    assert await catalog.list_entries() == []
    path = put("checkpoint/new.safetensors")
    assert (await catalog.resolve(LoadRequest(model_name="new.safetensors"))).main == str(path)
