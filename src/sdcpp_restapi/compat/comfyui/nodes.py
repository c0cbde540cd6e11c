"""The nodes of ComfyUI that a graph may have: their inputs, outputs, bounds and defaults.

The names and bounds are ComfyUI's, as its GET /object_info tells them. What a node does here is in the
modules that read a graph.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .names import SAMPLERS, SCHEDULERS

COMBO = "COMBO"  # one of a list
# Inputs of these types are values; those of any other are linked with the output of a node.
VALUES = ("INT", "FLOAT", "STRING", "BOOLEAN", COMBO)
SIDE = {"default": 512, "min": 16, "max": 16384, "step": 8}


class InputType(NamedTuple):
    """An input of a node."""

    name: str
    type: str
    options: Mapping[str, object] = {}
    choices: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Of which folders a COMBO lists the files, as ComfyUI calls them."""
    required: bool = True


class NodeType(NamedTuple):
    """A kind of node."""

    name: str
    title: str
    category: str
    inputs: tuple[InputType, ...]
    outputs: tuple[str, ...] = ()
    saves: bool = False
    """Whether it is an end of a graph."""


def _link(name: str, type: str | None = None) -> InputType:
    return InputType(name, type or name.upper())


def _integer(name: str, default: int, least: int, most: int, **options: object) -> InputType:
    return InputType(name, "INT", {"default": default, "min": least, "max": most, **options})


def _number(name: str, default: float, least: float, most: float, step: float = 0.01) -> InputType:
    return InputType(name, "FLOAT", {"default": default, "min": least, "max": most, "step": step})


def _choice(name: str, *choices: str, required: bool = True) -> InputType:
    return InputType(name, COMBO, choices=choices, required=required)


def _file(name: str, *folders: str, **options: object) -> InputType:
    return InputType(name, COMBO, options, files=folders)


_SEED = _integer("seed", 0, 0, 2**64 - 1, control_after_generate=True)
_STEPS = _integer("steps", 20, 1, 10000)
_CFG = _number("cfg", 8.0, 0.0, 100.0, 0.1)
_SAMPLING = (_STEPS, _CFG, _choice("sampler_name", *SAMPLERS), _choice("scheduler", *SCHEDULERS))
_CONDITIONING = (
    _link("model"),
    _link("positive", "CONDITIONING"),
    _link("negative", "CONDITIONING"),
)
_DEVICE = _choice("device", "default", "cpu", required=False)
_SIDES = (InputType("width", "INT", SIDE), InputType("height", "INT", SIDE))
_BATCH = _integer("batch_size", 1, 1, 4096)
_STRENGTH_MODEL = _number("strength_model", 1.0, -100.0, 100.0)
_STRENGTH_CLIP = _number("strength_clip", 1.0, -100.0, 100.0)
_CLIP_TYPES = (
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos",
    "lumina2", "wan", "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image", "flux2", "ovis",
)  # fmt: skip
_DUAL_CLIP_TYPES = (
    "sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image", "hunyuan_video_15", "kandinsky5",
    "newbie",
)  # fmt: skip
_TEXT = InputType("text", "STRING", {"multiline": True, "dynamicPrompts": True})
_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")

_LOADERS = (
    NodeType(
        "CheckpointLoaderSimple",
        "Load Checkpoint",
        "loaders",
        (_file("ckpt_name", "checkpoints"),),
        ("MODEL", "CLIP", "VAE"),
    ),
    NodeType(
        "UNETLoader",
        "Load Diffusion Model",
        "advanced/loaders",
        (
            _file("unet_name", "diffusion_models"),
            _choice("weight_dtype", "default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"),
        ),
        ("MODEL",),
    ),
    NodeType(
        "CLIPLoader",
        "Load CLIP",
        "advanced/loaders",
        (_file("clip_name", "text_encoders"), _choice("type", *_CLIP_TYPES), _DEVICE),
        ("CLIP",),
    ),
    NodeType(
        "DualCLIPLoader",
        "DualCLIPLoader",
        "advanced/loaders",
        (
            _file("clip_name1", "text_encoders"),
            _file("clip_name2", "text_encoders"),
            _choice("type", *_DUAL_CLIP_TYPES),
            _DEVICE,
        ),
        ("CLIP",),
    ),
    NodeType("VAELoader", "Load VAE", "loaders", (_file("vae_name", "vae", "vae_approx"),), ("VAE",)),
    NodeType(
        "LoraLoader",
        "Load LoRA",
        "loaders",
        (_link("model"), _link("clip"), _file("lora_name", "loras"), _STRENGTH_MODEL, _STRENGTH_CLIP),
        ("MODEL", "CLIP"),
    ),
    NodeType(
        "LoraLoaderModelOnly",
        "LoraLoaderModelOnly",
        "loaders",
        (_link("model"), _file("lora_name", "loras"), _STRENGTH_MODEL),
        ("MODEL",),
    ),
    NodeType(
        "UpscaleModelLoader",
        "Load Upscale Model",
        "loaders",
        (_file("model_name", "upscale_models"),),
        ("UPSCALE_MODEL",),
    ),
)
_CONDITIONINGS = (
    NodeType(
        "CLIPTextEncode",
        "CLIP Text Encode (Prompt)",
        "conditioning",
        (_TEXT, _link("clip")),
        ("CONDITIONING",),
    ),
    NodeType(
        "CLIPSetLastLayer",
        "CLIP Set Last Layer",
        "conditioning",
        (_link("clip"), _integer("stop_at_clip_layer", -1, -24, -1)),
        ("CLIP",),
    ),
    NodeType(
        "FluxGuidance",
        "FluxGuidance",
        "advanced/conditioning/flux",
        (_link("conditioning"), _number("guidance", 3.5, 0.0, 100.0, 0.1)),
        ("CONDITIONING",),
    ),
    NodeType(
        "ConditioningZeroOut",
        "ConditioningZeroOut",
        "advanced/conditioning",
        (_link("conditioning"),),
        ("CONDITIONING",),
    ),
)
_SAMPLERS = (
    NodeType(
        "KSampler",
        "KSampler",
        "sampling",
        (
            _SEED,
            *_SAMPLING,
            *_CONDITIONING,
            _link("latent_image", "LATENT"),
            _number("denoise", 1.0, 0.0, 1.0),
        ),
        ("LATENT",),
    ),
    NodeType(
        "KSamplerAdvanced",
        "KSampler (Advanced)",
        "sampling",
        (
            _choice("add_noise", "enable", "disable"),
            _SEED._replace(name="noise_seed"),
            *_SAMPLING,
            *_CONDITIONING,
            _link("latent_image", "LATENT"),
            _integer("start_at_step", 0, 0, 10000),
            _integer("end_at_step", 10000, 0, 10000),
            _choice("return_with_leftover_noise", "disable", "enable"),
        ),
        ("LATENT",),
    ),
)
_LATENTS = (
    NodeType("EmptyLatentImage", "Empty Latent Image", "latent", (*_SIDES, _BATCH), ("LATENT",)),
    NodeType("EmptySD3LatentImage", "EmptySD3LatentImage", "latent/sd3", (*_SIDES, _BATCH), ("LATENT",)),
    NodeType("VAEDecode", "VAE Decode", "latent", (_link("samples", "LATENT"), _link("vae")), ("IMAGE",)),
    NodeType("VAEEncode", "VAE Encode", "latent", (_link("pixels", "IMAGE"), _link("vae")), ("LATENT",)),
    NodeType(
        "VAEEncodeForInpaint",
        "VAE Encode (for Inpainting)",
        "latent/inpaint",
        (_link("pixels", "IMAGE"), _link("vae"), _link("mask"), _integer("grow_mask_by", 6, 0, 64)),
        ("LATENT",),
    ),
    NodeType(
        "SetLatentNoiseMask",
        "Set Latent Noise Mask",
        "latent/inpaint",
        (_link("samples", "LATENT"), _link("mask")),
        ("LATENT",),
    ),
)
_IMAGES = (
    NodeType(
        "LoadImage",
        "Load Image",
        "image",
        (_file("image", "input", image_upload=True),),
        ("IMAGE", "MASK"),
    ),
    NodeType(
        "LoadImageMask",
        "Load Image (as Mask)",
        "mask",
        (
            _file("image", "input", image_upload=True),
            _choice("channel", "alpha", "red", "green", "blue"),
        ),
        ("MASK",),
    ),
    NodeType(
        "ImageScale",
        "Upscale Image",
        "image/upscaling",
        (
            _link("image"),
            _choice("upscale_method", *_METHODS),
            _integer("width", 512, 0, 16384),
            _integer("height", 512, 0, 16384),
            _choice("crop", "disabled", "center"),
        ),
        ("IMAGE",),
    ),
    NodeType(
        "ImageUpscaleWithModel",
        "Upscale Image (using Model)",
        "image/upscaling",
        (_link("upscale_model"), _link("image")),
        ("IMAGE",),
    ),
    NodeType(
        "SaveImage",
        "Save Image",
        "image",
        (_link("images", "IMAGE"), InputType("filename_prefix", "STRING", {"default": "ComfyUI"})),
        saves=True,
    ),
    NodeType("PreviewImage", "Preview Image", "image", (_link("images", "IMAGE"),), saves=True),
)

NODE_TYPES: Mapping[str, NodeType] = {
    node.name: node for node in (*_LOADERS, *_CONDITIONINGS, *_SAMPLERS, *_LATENTS, *_IMAGES)
}
