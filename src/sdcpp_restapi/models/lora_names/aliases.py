"""Layers under several names: a model's own ones, those of diffusers, of OpenCLIP and of llama.cpp.

The engine knows most of diffusers' names for U-Nets, Flux, SD3 and Z-Image (name_conversion.cpp of
stable-diffusion.cpp) and keeps several layers of diffusers in one: their LoRAs are parts of one change.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

# Own name -> names elsewhere. {} stands for a number. Several names are parts of one layer, in order.
_Rows = Mapping[str, Sequence[str]]


def _qkv(attention: str, letters: str = "to_q to_k to_v") -> list[str]:
    return [f"{attention}.{letter}" for letter in letters.split()]


_ADDED = "add_q_proj add_k_proj add_v_proj"
_BLOCK, _SINGLE = "transformer_blocks.{}", "single_transformer_blocks.{}"
_FLUX: _Rows = {
    "double_blocks.{}.img_attn.qkv": _qkv(f"{_BLOCK}.attn"),
    "double_blocks.{}.txt_attn.qkv": _qkv(f"{_BLOCK}.attn", _ADDED),
    "double_blocks.{}.img_attn.proj": [f"{_BLOCK}.attn.to_out.0"],
    "double_blocks.{}.txt_attn.proj": [f"{_BLOCK}.attn.to_add_out"],
    "double_blocks.{}.img_mod.lin": [f"{_BLOCK}.norm1.linear"],
    "double_blocks.{}.txt_mod.lin": [f"{_BLOCK}.norm1_context.linear"],
    "double_blocks.{}.img_mlp.0": [f"{_BLOCK}.ff.net.0.proj"],
    "double_blocks.{}.img_mlp.2": [f"{_BLOCK}.ff.net.2"],
    "double_blocks.{}.txt_mlp.0": [f"{_BLOCK}.ff_context.net.0.proj"],
    "double_blocks.{}.txt_mlp.2": [f"{_BLOCK}.ff_context.net.2"],
    "single_blocks.{}.modulation.lin": [f"{_SINGLE}.norm.linear"],
    "single_blocks.{}.linear1": [*_qkv(f"{_SINGLE}.attn"), f"{_SINGLE}.proj_mlp"],
    "single_blocks.{}.linear2": [f"{_SINGLE}.proj_out"],
    "txt_in": ["context_embedder"],
    "img_in": ["x_embedder"],
    "time_in.in_layer": ["time_text_embed.timestep_embedder.linear_1"],
    "time_in.out_layer": ["time_text_embed.timestep_embedder.linear_2"],
    "vector_in.in_layer": ["time_text_embed.text_embedder.linear_1"],
    "vector_in.out_layer": ["time_text_embed.text_embedder.linear_2"],
    "guidance_in.in_layer": ["time_text_embed.guidance_embedder.linear_1"],
    "guidance_in.out_layer": ["time_text_embed.guidance_embedder.linear_2"],
    "final_layer.linear": ["proj_out"],
}
_SD3: _Rows = {
    "joint_blocks.{}.x_block.attn.qkv": _qkv(f"{_BLOCK}.attn"),
    "joint_blocks.{}.x_block.attn2.qkv": _qkv(f"{_BLOCK}.attn2"),
    "joint_blocks.{}.context_block.attn.qkv": _qkv(f"{_BLOCK}.attn", _ADDED),
    "joint_blocks.{}.x_block.attn.proj": [f"{_BLOCK}.attn.to_out.0"],
    "joint_blocks.{}.x_block.attn2.proj": [f"{_BLOCK}.attn2.to_out.0"],
    "joint_blocks.{}.context_block.attn.proj": [f"{_BLOCK}.attn.to_add_out"],
    "joint_blocks.{}.x_block.mlp.fc1": [f"{_BLOCK}.ff.net.0.proj"],
    "joint_blocks.{}.x_block.mlp.fc2": [f"{_BLOCK}.ff.net.2"],
    "joint_blocks.{}.context_block.mlp.fc1": [f"{_BLOCK}.ff_context.net.0.proj"],
    "joint_blocks.{}.context_block.mlp.fc2": [f"{_BLOCK}.ff_context.net.2"],
    "joint_blocks.{}.x_block.adaLN_modulation.1": [f"{_BLOCK}.norm1.linear"],
    "joint_blocks.{}.context_block.adaLN_modulation.1": [f"{_BLOCK}.norm1_context.linear"],
    "final_layer.linear": ["proj_out"],
}
_Z_IMAGE: _Rows = {
    f"{place}.{{}}.attention.{own}": [f"{place}.{{}}.attention.{other}" for other in others]
    for place in ("layers", "noise_refiner", "context_refiner")
    for own, others in (("qkv", ["to_q", "to_k", "to_v"]), ("out", ["to_out.0"]))
}
_OPEN_CLIP: _Rows = {
    f"{start}transformer.resblocks.{{}}.{own}": [f"text_model.encoder.layers.{{}}.{one}" for one in others]
    for start in ("", "model.")
    for own, others in (
        ("attn.in_proj", [f"self_attn.{letter}_proj" for letter in "qkv"]),
        ("attn.out_proj", ["self_attn.out_proj"]),
        ("mlp.c_fc", ["mlp.fc1"]),
        ("mlp.c_proj", ["mlp.fc2"]),
    )
}
_LLAMA: _Rows = {
    **{f"blk.{{}}.attn_{one}": [f"model.layers.{{}}.self_attn.{one}_proj"] for one in "qkv"},
    "blk.{}.attn_output": ["model.layers.{}.self_attn.o_proj"],
    **{f"blk.{{}}.ffn_{one}": [f"model.layers.{{}}.mlp.{one}_proj"] for one in ("gate", "up", "down")},
    **{f"enc.blk.{{}}.attn_{one}": [f"encoder.block.{{}}.layer.0.SelfAttention.{one}"] for one in "qkvo"},
    "enc.blk.{}.ffn_gate": ["encoder.block.{}.layer.1.DenseReluDense.wi_0"],
    "enc.blk.{}.ffn_up": ["encoder.block.{}.layer.1.DenseReluDense.wi_1"],
    "enc.blk.{}.ffn_down": ["encoder.block.{}.layer.1.DenseReluDense.wo"],
}
_ENCODERS: _Rows = {**_OPEN_CLIP, **_LLAMA}
# A layer that no other family has -> the names of this one.
_FAMILIES: Mapping[str, _Rows] = {
    "double_blocks.0.img_attn.qkv": _FLUX,
    "joint_blocks.0.x_block.attn.qkv": _SD3,
    "layers.0.attention.qkv": _Z_IMAGE,
}

_RESNET: Mapping[str, str] = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "emb_layers.1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
_UNET_ENDS: Mapping[str, str] = {"input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out"}
_UNET_PLACE = re.compile(r"(input|output)_blocks\.(\d+)\.(\d)\.(.+)|(middle)_block\.(\d)\.(.+)")


class Alias(NamedTuple):
    """Another name of a layer, or of its part `at` (from 0 on) of `parts`, in the order of its outputs."""

    name: str
    at: int = 0
    parts: int = 1


def is_unet(layers: Mapping[str, object]) -> bool:
    """Whether these are the layers of Stable Diffusion 1, 2 or XL."""
    return "input_blocks.0.0" in layers or "down_blocks.0.resnets.0.conv1" in layers


def is_flux(layers: Mapping[str, object]) -> bool:
    """Whether these are the layers of a Flux, in its own names."""
    return "double_blocks.0.img_attn.qkv" in layers


def find_diffusion_aliases(layers: Mapping[str, object]) -> Iterator[tuple[str, Alias]]:
    """Layer -> its name in diffusers, for all layers of a diffusion model that have one."""
    if is_unet(layers):
        for layer in layers:
            if other := _name_in_diffusers(layer):
                yield layer, Alias(other)
        return
    rows = next((rows for layer, rows in _FAMILIES.items() if layer in layers), {})
    for layer in layers:
        for alias in _look_up(layer, rows):
            yield layer, alias


def find_encoder_names(layer: str) -> list[Alias]:
    """The names that transformers gives to a layer of a text encoder; its own one where no other is known."""
    return [*_look_up(layer, _ENCODERS)] or [Alias(layer)]


def _look_up(layer: str, rows: _Rows) -> Iterator[Alias]:
    numbers = re.findall(r"(?<=\.)\d+(?=\.)", layer)[:1]
    template = layer.replace(f".{numbers[0]}.", ".{}.", 1) if numbers else layer
    others = rows.get(template) or rows.get(layer) or ()
    for at, other in enumerate(others):
        yield Alias(other.format(*numbers), at, len(others))


@cache
def _name_in_diffusers(layer: str) -> str | None:
    """Of a layer of a U-Net."""
    if layer in _UNET_ENDS:
        return _UNET_ENDS[layer]
    found = _UNET_PLACE.fullmatch(layer)
    if found is None:
        return None
    if found[5]:
        at = int(found[6])
        return _name_inside("mid_block", "attentions.0" if at == 1 else f"resnets.{at // 2}", found[7])
    block, place, rest = int(found[2]), int(found[3]), found[4]
    if found[1] == "input":
        block, at = divmod(block - 1, 3)
        sampler = "downsamplers.0.conv" if rest == "op" else None
    else:
        block, at = divmod(block, 3)
        sampler = "upsamplers.0.conv" if rest == "conv" else None
    side = f"{'down' if found[1] == 'input' else 'up'}_blocks.{block}"
    if sampler:
        return f"{side}.{sampler}"
    return _name_inside(side, f"attentions.{at}" if place else f"resnets.{at}", rest)


def _name_inside(side: str, place: str, rest: str) -> str | None:
    inner = rest if place.startswith("attentions") else _RESNET.get(rest)
    return f"{side}.{place}.{inner}" if inner else None
