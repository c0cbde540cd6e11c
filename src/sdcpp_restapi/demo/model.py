"""A tiny MiniT2I with random weights: it draws coloured clouds that depend on the prompt and the seed.

MiniT2I works on pixels (no VAE) and reads its prompt through a T5. It predicts the finished picture at
every step, without being told the time. Tensor names and shapes: stable-diffusion.cpp 487de75.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..schemas.models import LoadRequest, ModelType
from ..schemas.options import GenerationDefaults
from .weights import Array, random_tensors, write_safetensors

VOCABULARY = 32128
"""Rows of T5's embedding table: the engine's tokenizer is built in, so the size is fixed."""


@dataclass(frozen=True)
class DemoModel:
    """What to load, and the settings that suit it (the picture must be square)."""

    architecture: str = "MiniT2I"
    model_name: str = "demo-minit2i.safetensors"
    model_type: Literal["diffusion"] = "diffusion"
    t5xxl: str = "demo-t5xxl.safetensors"
    width: int = 128
    height: int = 128
    steps: int = 8
    cfg_scale: float = 1.0

    def load_request(self) -> LoadRequest:
        """The body of POST /models/load."""
        return LoadRequest(model_name=self.model_name, model_type=self.model_type, t5xxl=self.t5xxl)

    def defaults(self) -> GenerationDefaults:
        """The settings that suit it, in place of those of its architecture's preset."""
        return GenerationDefaults(
            width=self.width, height=self.height, steps=self.steps, cfg_scale=self.cfg_scale
        )


def write_demo_model(folders: Mapping[ModelType, Path]) -> DemoModel:
    """Write the two files into the folders of their types, unless they are there already."""
    demo = DemoModel()
    write_safetensors(folders["diffusion"] / demo.model_name, _painter)
    write_safetensors(folders["t5"] / demo.t5xxl, lambda: random_tensors(t5_shapes(), seed=2))
    return demo


def diffusion_shapes(width: int = 64, patch: int = 16) -> dict[str, list[int]]:
    """MiniT2I of one preamble and one double block; attention heads are 64 wide, so width is n * 64."""
    stem = 16
    shapes = {
        "img_embedder.proj1.weight": [stem, 3, patch, patch],
        "img_embedder.proj2.weight": [width, stem, 1, 1],
        "img_embedder.proj2.bias": [width],
        "txt_embedder.weight": [width, 64],
        "mask_token": [64],
        "pooled_embedder.weight": [width, 64],
        "t_embedder.mlp.0.weight": [width, 256],
        "t_embedder.mlp.0.bias": [width],
        "t_embedder.mlp.2.weight": [width, width],
        "t_embedder.mlp.2.bias": [width],
        "final_layer.norm_final.weight": [width],
        "final_layer.linear.weight": [patch * patch * 3, width],
        "final_layer.linear.bias": [patch * patch * 3],
    }
    shapes |= _block("txt_preamble_blocks.0.", "", width)
    shapes |= _block("double_blocks.0.", "img_", width) | _block("double_blocks.0.", "txt_", width)
    return {f"model.diffusion_model.model.net.{name}": shape for name, shape in shapes.items()}


def _block(block: str, stream: str, width: int) -> dict[str, list[int]]:
    """One stream ("", "img_" or "txt_") of a transformer block: attention, norms and a SwiGLU."""
    hidden = (int(width * 2.6667) + 7) // 8 * 8
    return {
        f"{block}q_norm.weight": [64],
        f"{block}k_norm.weight": [64],
        f"{block}{stream}norm1.weight": [width],
        f"{block}{stream}norm2.weight": [width],
        f"{block}{stream}qkv.weight": [3 * width, width],
        f"{block}{stream}qkv.bias": [3 * width],
        f"{block}{stream}attn_proj.weight": [width, width],
        f"{block}{stream}attn_proj.bias": [width],
        f"{block}{stream}mlp.w1.weight": [hidden, width],
        f"{block}{stream}mlp.w2.weight": [width, hidden],
        f"{block}{stream}mlp.w3.weight": [hidden, width],
    }


def t5_shapes(width: int = 64) -> dict[str, list[int]]:
    """A T5 encoder of one layer and one head; its states are `width` wide."""
    layer = "encoder.block.0.layer"
    attention = {f"{layer}.0.SelfAttention.{name}.weight": [width, width] for name in "qkvo"}
    gates = {f"{layer}.1.DenseReluDense.{name}.weight": [width, width] for name in ("wi_0", "wi_1", "wo")}
    shapes = {
        "shared.weight": [VOCABULARY, width],
        f"{layer}.0.SelfAttention.relative_attention_bias.weight": [32, 1],
        f"{layer}.0.layer_norm.weight": [width],
        f"{layer}.1.layer_norm.weight": [width],
        "encoder.final_layer_norm.weight": [width],
        **attention,
        **gates,
    }
    return {f"text_encoders.t5xxl.transformer.{name}": shape for name, shape in shapes.items()}


def _painter(patch: int = 4) -> dict[str, Array]:
    """The diffusion model, tamed so that it draws coloured clouds and not noise.

    Every patch gets one colour. It comes mostly from the patch's place and the words: the noise that the
    picture starts from is turned down, and so is the token that fills the prompt up to 256 tokens.
    """
    tensors = random_tensors(diffusion_shapes(patch=patch), seed=1)
    net = "model.diffusion_model.model.net."
    tensors[net + "mask_token"] *= 0
    tensors[net + "img_embedder.proj1.weight"] *= np.float16(0.4)
    colour = tensors[net + "final_layer.linear.weight"][:3] * np.float16(0.6)
    tensors[net + "final_layer.linear.weight"] = np.tile(colour, (patch * patch, 1))
    return tensors
