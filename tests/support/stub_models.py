"""Files with just those tensors that a network is recognised by, every one of them empty or nearly so."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

type Shapes = Mapping[str, Sequence[int]]


def write(
    path: Path, shapes: Shapes, type: type = np.float16, metadata: dict[str, str] | None = None
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.zeros(shape, type) for name, shape in shapes.items()}, path, metadata)
    return path


def flux(width: int = 64) -> Shapes:
    return {"double_blocks.0.img_attn.qkv.weight": [3, 1], "txt_in.weight": [2, width]}


def zimage(width: int = 64) -> Shapes:
    return {"cap_embedder.0.weight": [width], "cap_embedder.1.weight": [2, width]}


def minit2i(width: int = 64) -> Shapes:
    return {"net.img_embedder.proj1.weight": [1, 3, 2, 2], "net.txt_embedder.weight": [2, width]}


def lingbot(width: int = 64) -> Shapes:
    return {"patch_embedder.weight": [2, 2], "text_embedder.linear_1.weight": [2, width]}


def sd1() -> Shapes:
    unet = "model.diffusion_model.input_blocks"
    return {
        f"{unet}.0.0.weight": [1, 4, 3, 3],
        f"{unet}.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 768],
        "model.diffusion_model.middle_block.1.norm.weight": [1],
    }


def t5(width: int = 64) -> Shapes:
    return {"shared.weight": [2, width], "encoder.block.0.layer.0.SelfAttention.q.weight": [1, width]}


def llm(width: int = 64) -> Shapes:
    return {"model.embed_tokens.weight": [2, width], "model.layers.0.self_attn.q_proj.weight": [1, width]}


def clip_l() -> Shapes:
    return {"text_model.embeddings.token_embedding.weight": [2, 768]}


def vae(channels: int = 16) -> Shapes:
    return {"decoder.conv_in.weight": [2, channels, 3, 3], "decoder.conv_out.weight": [3, 2, 3, 3]}


def wan_vae() -> Shapes:
    return {"conv2.weight": [16, 16, 1, 1, 1], "conv2.bias": [16], "decoder.conv1.weight": [1, 3, 3, 3]}


def taesd(channels: int = 16) -> Shapes:
    return {"decoder.layers.0.weight": [64, channels, 3, 3]}


def taehv() -> Shapes:
    return {"decoder.1.weight": [256, 16, 3, 3]}


def lora(layer: str, inputs: int = 64) -> Shapes:
    return {f"{layer}.lora_down.weight": [4, inputs], f"{layer}.lora_up.weight": [inputs, 4]}
