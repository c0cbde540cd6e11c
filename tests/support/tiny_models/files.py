"""The files that tiny models are made of, written once and kept in tests/.cache.

Names and shapes (shapes/*.json) were measured on stable-diffusion.cpp 487de75: what its detection reads, and
what its log then reported as missing or of a wrong shape. Vocabularies, CLIP-L, TAESD and the VAE's encoder
have fixed sizes there; everything else is as small as it may be.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.support.tiny_models.gguf_file import write_gguf
from tests.support.tiny_models.minit2i import diffusion_shapes, t5_shapes
from tests.support.tiny_models.weights import Array, random_tensors, write_once, write_safetensors

VERSION = 1
"""Raise it when what is written here changes."""

CACHE = Path(__file__).parents[2] / ".cache" / f"tiny-{VERSION}"

type Shapes = dict[str, list[int]]


def cached(name: str) -> Path:
    """The file of this name, written now if need be. Treat it as read-only: tests share it."""
    path = CACHE / name
    if name in LORA_TARGETS:
        return write_safetensors(path, lambda: _lora(name))
    if name in GGUF:
        return write_once(path, GGUF[name])
    return write_safetensors(path, SAFETENSORS[name])


def shapes(name: str, prefix: str = "") -> Shapes:
    """Tensor name -> shape of one network. In the file, `blocks.{0-2,5}` stands for four blocks."""
    found: Shapes = json.loads((Path(__file__).parent / "shapes" / f"{name}.json").read_text())
    return {prefix + tensor: shape for pattern, shape in found.items() for tensor in _expand(pattern)}


def _expand(pattern: str) -> Iterator[str]:
    braces = re.search(r"\{(.*?)\}", pattern)
    if not braces:
        yield pattern
        return
    for numbers in braces[1].split(","):
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield from _expand(pattern.replace(braces[0], str(number), 1))


def _schnell() -> Shapes:
    """Flux without the guidance embedding is what the engine takes for schnell."""
    return {name: shape for name, shape in shapes("flux").items() if not name.startswith("guidance_in")}


def _chroma() -> Shapes:
    """Flux whose modulation comes from a network of its own, of which the engine fixes the size."""
    pruned = re.compile(r"guidance_in|vector_in|time_in|.*_mod\.|.*modulation")
    layer, side = "distilled_guidance_layer", 5120
    found = {name: shape for name, shape in shapes("flux").items() if not pruned.match(name)}
    found |= {f"{layer}.in_proj.weight": [side, 64], f"{layer}.in_proj.bias": [side]}
    found |= {f"{layer}.out_proj.weight": [128, side], f"{layer}.out_proj.bias": [128]}
    for number in range(5):
        found[f"{layer}.norms.{number}.scale"] = [side]
        for part in ("in_layer", "out_layer"):
            name = f"{layer}.layers.{number}.{part}"
            found |= {f"{name}.weight": [side, side], f"{name}.bias": [side]}
    return found


def _chroma_file(path: Path) -> None:
    write_gguf(path, {}, _chroma(), seed=5)


def _taesd() -> Shapes:
    """SD1's latents have 4 channels where Flux's have 16."""
    four = {"decoder.layers.0.weight": 1, "encoder.layers.14.weight": 0, "encoder.layers.14.bias": 0}
    return shapes("taesd") | {
        name: [4 if axis == at else n for axis, n in enumerate(shapes("taesd")[name])]
        for name, at in four.items()
    }


def _vae() -> Shapes:
    """AutoencoderKL with a decoder of a quarter of the width; the encoder's is fixed."""
    return {
        name: [n // 4 if n % 128 == 0 and name.startswith("decoder.") else n for n in shape]
        for name, shape in shapes("sd1_vae").items()
    }


def _vae_16() -> Shapes:
    """That of Flux, SD3 and Z-Image: 16 channels of latents, as mean and variance where they are encoded."""
    wider = {4: 16, 8: 32}
    return {
        name: [wider.get(n, n) for n in shape] for name, shape in _vae().items() if "quant_conv" not in name
    }


def _first_stage(vae: Shapes, seed: int) -> dict[str, Array]:
    """A VAE inside a checkpoint."""
    return {f"first_stage_model.{name}": array for name, array in random_tensors(vae, seed).items()}


def _lora(name: str, rank: int = 4) -> dict[str, Array]:
    """A LoRA as strong as the layer itself, so that nobody overlooks it."""
    layer, outputs, inputs = LORA_TARGETS[name]
    rng = np.random.default_rng(9)
    return {
        f"{layer}.lora_down.weight": rng.standard_normal((rank, inputs), np.float32) * inputs**-0.5,
        f"{layer}.lora_up.weight": rng.standard_normal((outputs, rank), np.float32) * rank**-0.5,
    }


def _embedding() -> dict[str, Array]:
    """A textual inversion of two tokens for CLIP-L, about eight times as long as the vocabulary's vectors."""
    return {"emb_params": np.random.default_rng(10).standard_normal((2, 768), np.float32) * 0.3}


def _clip(path: Path) -> None:
    write_gguf(path, {}, shapes("clip_l"), seed=3)


def _clip_g(path: Path) -> None:
    write_gguf(path, {}, shapes("clip_g"), seed=18)


def _sd1_tensors() -> dict[str, Array]:
    return random_tensors(shapes("sd1_unet", "model.diffusion_model."), seed=4)


def _sd1(path: Path) -> None:
    """UNet of 32 channels and CLIP-L in one file: the engine does not take them apart."""
    write_gguf(path, _sd1_tensors(), shapes("clip_l", "cond_stage_model.transformer."), seed=3)


def _sd1_edit(path: Path) -> None:
    """Instruct-Pix2Pix: four more channels come in, those of the picture that is edited."""
    unet = shapes("sd1_unet", "model.diffusion_model.")
    first = "model.diffusion_model.input_blocks.0.0.weight"
    unet[first] = [unet[first][0], 8, *unet[first][2:]]
    write_gguf(path, random_tensors(unet, seed=4), shapes("clip_l", "cond_stage_model.transformer."), seed=3)


def _sd1_whole(path: Path) -> None:
    """With its VAE inside, as it is published."""
    fine = _sd1_tensors() | _first_stage(_vae(), seed=11)
    write_gguf(path, fine, shapes("clip_l", "cond_stage_model.transformer."), seed=3)


def _sd1_wide(path: Path) -> None:
    """UNet of the published width, the only one that a ControlNet fits, with a VAE inside."""
    unet = shapes("sd1_unet_full", "model.diffusion_model.")
    clip = shapes("clip_l", "cond_stage_model.transformer.")
    write_gguf(path, _first_stage(_vae(), seed=11), unet | clip, seed=26)


def _sdxl(path: Path) -> None:
    """UNet of 64 channels and both CLIPs in one file."""
    unet = shapes("sdxl_unet", "model.diffusion_model.")
    clips = shapes("clip_l", "cond_stage_model.transformer.") | shapes(
        "clip_g", "cond_stage_model.1.transformer."
    )
    write_gguf(path, {}, unet | clips, seed=19)


def _sd3(path: Path) -> None:
    write_gguf(path, {}, shapes("sd3", "model.diffusion_model."), seed=20)


def _sd3_whole(path: Path) -> None:
    """With its VAE inside, and text encoders apart, as it is published."""
    write_gguf(path, _first_stage(_vae_16(), seed=21), shapes("sd3", "model.diffusion_model."), seed=20)


def _t5_wide(path: Path) -> None:
    """SD3 takes no T5 but of the full width."""
    write_gguf(path, {}, shapes("t5_wide", "text_encoders.t5xxl.transformer."), seed=22)


def _qwen_image(path: Path) -> None:
    """One block; the engine fixes its width, and that of its LLM."""
    write_gguf(path, {}, shapes("qwen_image", "model.diffusion_model."), seed=23)


def _qwen2_vl(path: Path) -> None:
    write_gguf(path, {}, shapes("qwen2_vl", "text_encoders.llm."), seed=24)


def _controlnet(path: Path) -> None:
    """For SD1; the engine fixes its size."""
    write_gguf(path, {}, shapes("controlnet"), seed=25)


def _lingbot(path: Path) -> None:
    """GGUF keeps the tensors in order: the engine has to meet the patch embedder before the blocks."""
    write_gguf(path, random_tensors(shapes("lingbot", "model.diffusion_model."), seed=15), {}, seed=15)


def _wan(path: Path) -> None:
    """Depth and width are what the engine knows the 1.3B model by. Bare names fit both models of a pair."""
    write_gguf(path, {}, shapes("wan"), seed=13)


def _wan_vace(path: Path) -> None:
    """One block for the control video is enough."""
    write_gguf(path, {}, shapes("wan") | shapes("wan_vace"), seed=27)


def _umt5(path: Path) -> None:
    write_gguf(path, {}, shapes("umt5", "text_encoders.t5xxl.transformer."), seed=14)


LORA_TARGETS: dict[str, tuple[str, int, int]] = {
    "lora_minit2i.safetensors": ("diffusion_model.model.net.double_blocks.0.img_qkv", 192, 64),
    "lora_flux.safetensors": ("lora_unet_double_blocks_0_img_attn_qkv", 384, 128),
    "lora_lingbot.safetensors": ("diffusion_model.blocks.0.attn.to_q", 128, 128),
    "lora_sd1.safetensors": ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q", 32, 32),
}
"""LoRA -> its layer, [out, in]; spelled as the engine finds it."""

GGUF: dict[str, Callable[[Path], None]] = {
    "clip_l.gguf": _clip,
    "clip_g.gguf": _clip_g,
    "t5_wide.gguf": _t5_wide,
    "umt5.gguf": _umt5,
    "qwen2_vl.gguf": _qwen2_vl,
    "chroma.gguf": _chroma_file,
    "sd1.gguf": _sd1,
    "sd1_edit.gguf": _sd1_edit,
    "sd1_whole.gguf": _sd1_whole,
    "sd1_wide.gguf": _sd1_wide,
    "sdxl.gguf": _sdxl,
    "sd3.gguf": _sd3,
    "sd3_whole.gguf": _sd3_whole,
    "qwen_image.gguf": _qwen_image,
    "lingbot.gguf": _lingbot,
    "wan.gguf": _wan,
    "wan_vace.gguf": _wan_vace,
    "controlnet.gguf": _controlnet,
}

SAFETENSORS: dict[str, Callable[[], dict[str, Array]]] = {
    "minit2i.safetensors": lambda: random_tensors(diffusion_shapes(), seed=1),
    "t5xxl.safetensors": lambda: random_tensors(t5_shapes(), seed=2),
    "flux_schnell.safetensors": lambda: random_tensors(_schnell(), seed=5),
    "flux_dev.safetensors": lambda: random_tensors(shapes("flux"), seed=5),
    "zimage.safetensors": lambda: random_tensors(shapes("zimage"), seed=6),
    "qwen3.safetensors": lambda: random_tensors(shapes("qwen3"), seed=7),
    "taesd.safetensors": lambda: random_tensors(_taesd(), seed=8),
    "taef1.safetensors": lambda: random_tensors(shapes("taesd"), seed=8),
    "vae_sd1.safetensors": lambda: random_tensors(_vae(), seed=11),
    "vae_flux.safetensors": lambda: random_tensors(_vae_16(), seed=21),
    "wan_vae.safetensors": lambda: random_tensors(shapes("wan_vae"), seed=16),
    "taehv.safetensors": lambda: random_tensors(shapes("taehv"), seed=17),
    "esrgan.safetensors": lambda: random_tensors(shapes("esrgan"), seed=12),
    "embedding.safetensors": _embedding,
}
