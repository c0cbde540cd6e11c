"""Servers that have every model of the API document's examples, as far as a scripted engine looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.document_models import install
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

NAMED = (
    "checkpoints/SD1x/realisticStockPhoto_v30SD15.safetensors",
    "checkpoints/v1-5-pruned-emaonly.safetensors",
    "checkpoints/v1-5-pruned.safetensors",
    "checkpoints/sd_xl_base_1.0.safetensors",
    "checkpoints/sd3.5_large.safetensors",
    "diffusion_models/flux1-dev-Q4_K_S.gguf",
    "diffusion_models/flux1-schnell-Q8_0.gguf",
    "diffusion_models/flux1-schnell-Q5_K_M.gguf",
    "diffusion_models/qwen-image-Q8_0.gguf",
    "diffusion_models/z_image_turbo-Q8_0.gguf",
    "diffusion_models/wan2.1_t2v_1.3B_fp16.safetensors",
    "vae/vae-ft-mse-840000-ema-pruned.safetensors",
    "vae/sdxl_vae-fp16-fix.safetensors",
    "vae/ae.safetensors",
    "vae/ae_q8_0.gguf",
    "vae/qwen_image_vae.safetensors",
    "vae/wan_2.1_vae.safetensors",
    "clip/clip_l.safetensors",
    "clip/clip_g.safetensors",
    "t5/t5xxl_fp16.safetensors",
    "t5/umt5-xxl-encoder-Q8_0.gguf",
    "controlnet/control_v11p_sd15_canny.safetensors",
    "llm/qwen_3_4b.Q8_0.gguf",
    "llm/Qwen2.5-VL-7B-Instruct-Q8_0.gguf",
    "esrgan/RealESRGAN_x4plus.pth",
    "taesd/taesd_decoder.safetensors",
    "embeddings/easynegative.pt",
    "loras/add_detail.safetensors",
    "loras/enhance_colors.safetensors",
    "loras/realism_lora.safetensors",
    "loras/watercolor.safetensors",
    "loras/zimage_amberrayne_v1.safetensors",
)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Every name of the document, and an engine that loads anything; nothing is loaded yet."""
    root: Path = tmp_path_factory.mktemp("named")
    with ServerSetup(scripted=True, files=NAMED).running(root) as server:
        yield server


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The real engine, and tiny models by the document's names; nothing is loaded yet."""
    root: Path = tmp_path_factory.mktemp("real")
    install(root / "models")
    with RunningServer(root) as server:
        yield server
