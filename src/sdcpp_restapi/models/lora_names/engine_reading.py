"""What the engine makes of the names in a LoRA: `convert_tensor_name` of stable-diffusion.cpp, as far as it
concerns their prefixes and separators. What it does to names of layers afterwards is in aliases.py.
"""

import re
from collections.abc import Mapping

DIFFUSION = "model.diffusion_model."

_SUFFIX = re.compile(
    r"(?:\.lora_(?:down|mid|up)\.weight|[._]lora\.(?:down|mid|up)\.weight|\.lora_[AB](?:(?:\.default)?\.weight)?"
    r"|\.alpha|\.scale|\.diff|\.diff_b|\.hada_w[12]_[ab]|\.hada_t[12]|\.lokr_w[12](?:_[ab])?)"
)
_UNDERSCORED = ("unet_", "te_", "te1_", "te2_", "te3_", "vae_")
# Words in which it keeps the underscores, where it turns the others into dots.
_KEPT = (
    "self_attn", "out_proj", "q_proj", "k_proj", "v_proj", "to_k", "to_q", "to_v", "to_out", "text_model",
    "down_blocks", "mid_block", "up_block", "proj_in", "proj_out", "transformer_blocks",
    "single_transformer_blocks", "single_blocks", "diffusion_model", "cond_stage_model",
    "first_stage_model", "conv_in", "conv_out", "time_emb_proj", "conv_shortcut", "time_embedding",
    "conv_norm_out", "double_blocks", "txt_attn", "img_attn", "input_blocks", "output_blocks",
    "middle_block", "skip_connection", "emb_layers", "in_layers", "out_layers", "add_q_proj", "add_k_proj",
    "add_v_proj", "add_out_proj", "ff_context", "norm_added_q", "norm_added_v", "to_add_out", "txt_mod",
    "img_mod", "txt_mlp", "img_mlp", "proj_mlp", "wi_0", "wi_1", "norm1_context", "x_embedder",
    "cross_attn", "output_proj",
)  # fmt: skip
_PREFIXES: Mapping[str, str] = {
    "diffusion_model.": DIFFUSION,
    "unet.": DIFFUSION,
    "transformer.": DIFFUSION,
    "te.": "cond_stage_model.transformer.",
    "te1.": "cond_stage_model.transformer.",
    "te2.": "cond_stage_model.1.transformer.",
    "te3.": "text_encoders.t5xxl.transformer.",
}
_DIFFUSERS_UNET = ("down_blocks.", "up_blocks.", "mid_block.", "conv_in.", "conv_out.", "time_embedding.")


def read_layer(name: str, *, unet: bool, flux: bool) -> str | None:
    """The layer that the engine takes a LoRA's tensor to be of; None where it doesn't know the suffix.

    `unet`: the diffusion model is one of Stable Diffusion 1, 2 or XL. `flux`: it is a Flux.
    """
    layer = name
    for prefix in ("lora.", "lora_", "lycoris_", "lycoris."):
        if name.startswith(prefix):
            layer = name.removeprefix(prefix)
            break
    underscored = name.startswith("lycoris_") or layer.startswith(_UNDERSCORED)
    suffix = _find_suffix(layer)
    if suffix is None:
        return None
    layer = layer.removesuffix(suffix).replace(".processor", "", 1)
    if layer.startswith(("transformer_blocks", "single_transformer_blocks")):
        layer = f"transformer.{layer}"
    if unet or underscored:
        layer = separate(layer)
    if flux and layer.startswith("te1."):
        return f"text_encoders.clip_l.transformer.{layer.removeprefix('te1.')}"
    for prefix, full in _PREFIXES.items():
        if layer.startswith(prefix):
            return full + layer.removeprefix(prefix)
    return DIFFUSION + layer if layer.startswith(_DIFFUSERS_UNET) else layer


def separate(layer: str) -> str:
    """With dots for underscores, but for those within the words that the engine knows."""
    kept = {
        start.start() + at
        for word in _KEPT
        for start in re.finditer(word, layer)
        for at, sign in enumerate(word)
        if sign == "_"
    }
    return "".join("." if sign == "_" and at not in kept else sign for at, sign in enumerate(layer))


def _find_suffix(name: str) -> str | None:
    for found in re.finditer(r"[._]", name):
        if _SUFFIX.fullmatch(name, found.start()):
            return name[found.start() :]
    return None
