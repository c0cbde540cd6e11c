"""The name of a LoRA's tensor, taken apart: which layer it changes, and what part of the change it is.

The spellings are those of kohya, LyCORIS, diffusers (before and with PEFT), OneTrainer and XLabs.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_MATRIX = re.compile(
    r"(?P<layer>.+?)(?:\.lora_|\.lora\.|_lora\.|\.lora_linear_layer\.)(?P<which>down|mid|up)\.weight"
)
# PEFT writes the name of the adapter between, if it was asked to: .lora_A.default.weight
_PEFT = re.compile(r"(?P<layer>.+?)\.lora_(?P<which>[AB])(?:\.[^.]+)?(?:\.weight)?")
_XLABS = re.compile(
    r"(?P<block>.*?(?P<kind>double|single)_blocks\.\d+)\.processor\."
    r"(?P<what>qkv|proj)_lora(?P<stream>[12]?)\.(?P<which>down|up)\.weight"
)
_OTHER = re.compile(
    r"(?P<layer>.+?)\.(?P<part>alpha|scale|dora_scale|diff|diff_b|hada_(?:w[12]_[ab]|t[12])"
    r"|lokr_(?:w[12](?:_[ab])?|t[12]))"
)
_PEFT_PARTS: Mapping[str, str] = {"A": "lora_down", "B": "lora_up"}
_XLABS_LAYERS: Mapping[tuple[str, str, str], str] = {
    ("double", "qkv", "1"): "img_attn.qkv",
    ("double", "qkv", "2"): "txt_attn.qkv",
    ("double", "proj", "1"): "img_attn.proj",
    ("double", "proj", "2"): "txt_attn.proj",
    ("single", "qkv", ""): "linear1",
    ("single", "proj", ""): "linear2",
}

# Parts that the engine leaves out.
LEFT_OUT = frozenset({"dora_scale", "lokr_t1", "lokr_t2"})


class TensorName(NamedTuple):
    """The layer as the file spells it, and the part by the word of kohya or LyCORIS: lora_down, alpha ..."""

    layer: str
    part: str


def parse_name(name: str) -> TensorName | None:
    """None for what is no part of a change that is known here, such as OFT."""
    if found := _XLABS.fullmatch(name):
        layer = _XLABS_LAYERS.get((found["kind"], found["what"], found["stream"]))
        return TensorName(f"{found['block']}.{layer}", f"lora_{found['which']}") if layer else None
    if found := _MATRIX.fullmatch(name):
        return TensorName(_without_processor(found["layer"]), f"lora_{found['which']}")
    if found := _PEFT.fullmatch(name):
        return TensorName(_without_processor(found["layer"]), _PEFT_PARTS[found["which"]])
    if found := _OTHER.fullmatch(name):
        return TensorName(_without_processor(found["layer"]), found["part"])
    return None


def write_name(layer: str, part: str) -> str:
    """The name of a part, as the engine reads it."""
    return f"{layer}.{part}.weight" if part.startswith("lora_") else f"{layer}.{part}"


def _without_processor(layer: str) -> str:
    """diffusers once kept LoRAs in the attention's processor: attn1.processor.to_q."""
    return layer.replace(".processor", "", 1)
