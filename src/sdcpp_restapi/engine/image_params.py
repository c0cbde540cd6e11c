"""From a generate command to the argument of generate_image: the single place where request fields become
C fields."""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..schemas import names
from ..schemas.engine import Generate
from . import images
from .capi import CACHE_EASYCACHE, Library, sd_image_t, sd_img_gen_params_t, sd_lora_t
from .library import member
from .rules import INFINITY, Rule, utf8


@dataclass
class ImageCall:
    """The argument of generate_image; `alive` holds what its pointers point at."""

    struct: sd_img_gen_params_t
    command: Generate
    alive: list[object] = field(default_factory=list)


def image_params(library: Library, command: Generate) -> ImageCall:
    """All of a job. Raises JobFailed when an input image cannot be read."""
    call = ImageCall(sd_img_gen_params_t(), command)
    library.c.sd_img_gen_params_init(ctypes.byref(call.struct))
    call.struct.prompt = utf8(command.prompt)
    call.struct.negative_prompt = utf8(command.negative_prompt)
    _put_loras(call)
    for rule in IMAGE_RULES:
        if set(rule.fields) <= set(type(command.params).model_fields):
            rule.apply(call)
    return call


def _number(name: str, target: str = "") -> Rule[ImageCall]:
    def apply(call: ImageCall) -> None:
        struct, leaf = member(call.struct, target or name)
        setattr(struct, leaf, getattr(call.command.params, name))

    return Rule((name,), apply)


def _index(name: str, target: str, known: Sequence[str]) -> Rule[ImageCall]:
    def apply(call: ImageCall) -> None:
        struct, leaf = member(call.struct, target)
        setattr(struct, leaf, known.index(getattr(call.command.params, name)))

    return Rule((name,), apply)


def _list(name: str, target: str, count: str, kind: type[Any]) -> Rule[ImageCall]:
    """A list of numbers: a pointer and a count in the same struct."""

    def apply(call: ImageCall) -> None:
        values = getattr(call.command.params, name)
        array = (kind * len(values))(*values)
        call.alive.append(array)
        struct, leaf = member(call.struct, target)
        setattr(struct, leaf, array)
        setattr(struct, count, len(values))

    return Rule((name,), apply)


def _picture(name: str, target: str, channels: int) -> Rule[ImageCall]:
    """One input image, stretched to the size of the result."""

    def apply(call: ImageCall) -> None:
        for path in call.command.images.get(name, [])[:1]:
            params = call.command.params
            image = images.load_input(path, channels, (params.width, params.height))
            call.alive.append(image)
            setattr(call.struct, target, image.struct)

    return Rule((name,), apply)


def _put_eta(call: ImageCall) -> None:
    # 0 is the API's default, meant for DDIM and TCD. Taken literally it would turn the ancestral and SDE
    # samplers into others (euler_a into ddim_trailing, bit for bit); infinity is the sampler's own value,
    # which is 0 for DDIM and TCD. Measured on 487de75.
    call.struct.sample_params.eta = call.command.params.eta or INFINITY


def _put_image_cfg(call: ImageCall) -> None:
    scale = getattr(call.command.params, "img_cfg_scale", -1.0)
    call.struct.sample_params.guidance.img_cfg = scale if scale >= 0 else INFINITY


def _put_references(call: ImageCall) -> None:
    # In their own sizes: the engine resizes them as ref_image_args say.
    loaded = [images.load_input(path, 3, None) for path in call.command.images.get("ref_images", [])]
    array = (sd_image_t * len(loaded))(*(image.struct for image in loaded))
    call.alive += [loaded, array]
    call.struct.ref_images = array
    call.struct.ref_images_count = len(loaded)
    # Only what differs from the preset of the architecture, which the engine picks itself.
    params = call.command.params
    arguments = [] if params.auto_resize_ref_image else ["resize_before_vae=0"]
    arguments += ["ref_index_mode=increase"] if params.increase_ref_index else []
    call.struct.ref_image_args = ",".join(arguments).encode()


def _put_tiling(call: ImageCall) -> None:
    params, options, tiling = call.command.params, call.command.options, call.struct.vae_tiling_params
    chosen = params if params.vae_tiling else options
    tiling.enabled = chosen.vae_tiling
    tiling.tile_size_x = params.vae_tile_size_x or options.vae_tile_size_x
    tiling.tile_size_y = params.vae_tile_size_y or options.vae_tile_size_y
    tiling.target_overlap = chosen.vae_tile_overlap


def _put_easycache(call: ImageCall) -> None:
    params = call.command.params
    if params.easycache:
        call.struct.cache.mode = CACHE_EASYCACHE
    call.struct.cache.reuse_threshold = params.easycache_threshold
    call.struct.cache.start_percent = params.easycache_start
    call.struct.cache.end_percent = params.easycache_end


def _put_flow_shift(call: ImageCall) -> None:
    # A literal 0 gives black pictures; infinity is the model's own.
    call.struct.sample_params.flow_shift = call.command.options.flow_shift or INFINITY


def _put_loras(call: ImageCall) -> None:
    loras = call.command.loras
    array = (sd_lora_t * len(loras))(
        *(sd_lora_t(lora.high_noise, lora.weight, os.fsencode(lora.path)) for lora in loras)
    )
    call.alive.append(array)
    call.struct.loras = array
    call.struct.lora_count = len(loras)


IMAGE_RULES: tuple[Rule[ImageCall], ...] = (
    _number("width"),
    _number("height"),
    _number("steps", "sample_params.sample_steps"),
    _number("cfg_scale", "sample_params.guidance.txt_cfg"),
    _number("distilled_guidance", "sample_params.guidance.distilled_guidance"),
    Rule(("eta",), _put_eta),
    _number("shifted_timestep", "sample_params.shifted_timestep"),
    _number("seed"),
    _index("sampler", "sample_params.sample_method", names.SAMPLERS),
    _index("scheduler", "sample_params.scheduler", names.SCHEDULERS),
    _number("batch_count"),
    _number("clip_skip"),
    _number("slg_scale", "sample_params.guidance.slg.scale"),
    _list("skip_layers", "sample_params.guidance.slg.layers", "layer_count", ctypes.c_int),
    _number("slg_start", "sample_params.guidance.slg.layer_start"),
    _number("slg_end", "sample_params.guidance.slg.layer_end"),
    _list("custom_sigmas", "sample_params.custom_sigmas", "custom_sigmas_count", ctypes.c_float),
    Rule(("ref_images", "auto_resize_ref_image", "increase_ref_index"), _put_references),
    _picture("control_image_base64", "control_image", 3),
    _number("control_strength"),
    Rule(("vae_tiling", "vae_tile_size_x", "vae_tile_size_y", "vae_tile_overlap"), _put_tiling),
    Rule(("easycache", "easycache_threshold", "easycache_start", "easycache_end"), _put_easycache),
    Rule((), _put_flow_shift),
    _picture("init_image_base64", "init_image", 3),
    _picture("mask_image_base64", "mask_image", 1),
    _number("strength"),
    Rule(("img_cfg_scale",), _put_image_cfg),
)

IMAGE_ELSEWHERE = {
    "prompt": "command.prompt is the same without LoRA tags",
    "negative_prompt": "command.negative_prompt is the same without LoRA tags",
    "loras": "command.loras are these and the prompt's tags, resolved to files and summed up",
    "upscale": "command.enlargement says what the upscaler does afterwards",
    "upscale_repeats": "in command.enlargement",
    "upscale_auto_unload": "done by the server after the job",
    "use_architecture_defaults": "decided when the job was submitted",
}
