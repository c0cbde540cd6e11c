"""What the arguments of generate_image and generate_video have in common.

The functions `map_*` make rules; SHARED_RULES are those of the fields that both kinds of request have. A
target is the dotted path of a field of the struct.
"""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...schemas.engine import Generation
from ...schemas.sampling import SamplingFields
from . import image_buffers
from .field_rules import Rule, encode_text, find_index
from .revision import INFINITY, Revision
from .sample_args import format_sample_args
from .self_check import resolve_member
from .structs import sd_lora_t


@dataclass
class GenerationCall[C: Generation]:
    """The argument of a call and the command that fills it; `alive` holds what its pointers point at.

    `flow_shift` is that of the loaded model, for commands that leave it open.
    """

    struct: ctypes.Structure
    command: C
    revision: Revision
    flow_shift: float = INFINITY
    alive: list[object] = field(default_factory=list)


def fill(call: GenerationCall[Any], rules: Sequence[Rule[Any]]) -> None:
    """Apply all rules whose fields the request has. Raises JobFailed when an input image cannot be read."""
    call.struct.prompt = encode_text(call.command.prompt)
    call.struct.negative_prompt = encode_text(call.command.negative_prompt)
    _put_loras(call)
    for rule in rules:
        if set(rule.fields) <= set(type(call.command.params).model_fields):
            rule.apply(call)


def map_number(name: str, target: str = "") -> Rule[GenerationCall[Any]]:
    """Rule of a field that is copied: a number or boolean of the same meaning."""

    def apply(call: GenerationCall[Any]) -> None:
        struct, leaf = resolve_member(call.struct, target or name)
        setattr(struct, leaf, getattr(call.command.params, name))

    return Rule((name,), apply)


def map_index(name: str, target: str, known: str) -> Rule[GenerationCall[Any]]:
    """Rule of a field that is one of the names of an enum: its index in that list of EngineNames."""

    def apply(call: GenerationCall[Any]) -> None:
        struct, leaf = resolve_member(call.struct, target)
        setattr(struct, leaf, find_index(call.revision, known, name, getattr(call.command.params, name)))

    return Rule((name,), apply)


def map_numbers(name: str, target: str, count: str, kind: type[Any]) -> Rule[GenerationCall[Any]]:
    """Rule of a field that is a list of numbers: a pointer, and a count in the same struct."""

    def apply(call: GenerationCall[Any]) -> None:
        values = getattr(call.command.params, name)
        array = (kind * len(values))(*values)
        call.alive.append(array)
        struct, leaf = resolve_member(call.struct, target)
        setattr(struct, leaf, array)
        setattr(struct, count, len(values))

    return Rule((name,), apply)


def map_image(name: str, target: str, channels: int) -> Rule[GenerationCall[Any]]:
    """Rule of a field that is one input image, stretched to the size of the result."""

    def apply(call: GenerationCall[Any]) -> None:
        for image in load_images(call, name, channels)[:1]:
            setattr(call.struct, target, image.struct)

    return Rule((name,), apply)


def load_images(call: GenerationCall[Any], name: str, channels: int) -> list[image_buffers.InputImage]:
    """Read the input images of a field, stretched to the size of the result; the call keeps them alive."""
    params = call.command.params
    size = (params.width, params.height)
    loaded = [image_buffers.load_input(path, channels, size) for path in call.command.images.get(name, [])]
    call.alive += loaded
    return loaded


def map_guidance(prefix: str, target: str) -> tuple[Rule[GenerationCall[Any]], ...]:
    """Rules of the guidance of the sd_sample_params_t at `target`; fields of a request have a prefix."""
    inside = f"{target}.guidance"
    return (
        map_number(f"{prefix}cfg_scale", f"{inside}.txt_cfg"),
        map_number(f"{prefix}distilled_guidance", f"{inside}.distilled_guidance"),
        map_number(f"{prefix}slg_scale", f"{inside}.slg.scale"),
        map_numbers(f"{prefix}skip_layers", f"{inside}.slg.layers", "layer_count", ctypes.c_int),
        map_number(f"{prefix}slg_start", f"{inside}.slg.layer_start"),
        map_number(f"{prefix}slg_end", f"{inside}.slg.layer_end"),
    )


def eta_of(call: GenerationCall[Any]) -> float:
    """The value of sample_params.eta."""
    # 0 is the API's default, meant for DDIM and TCD. Taken literally it would turn the ancestral and SDE
    # samplers into others (euler_a into ddim_trailing, bit for bit); infinity is the sampler's own value,
    # which is 0 for DDIM and TCD. Measured.
    eta: float = call.command.params.eta
    return eta or INFINITY


def _put_eta(call: GenerationCall[Any]) -> None:
    call.struct.sample_params.eta = eta_of(call)


def _put_easycache(call: GenerationCall[Any]) -> None:
    params = call.command.params
    if params.easycache:
        call.struct.cache.mode = 1 + call.revision.names.cache_modes.index("easycache")
    call.struct.cache.reuse_threshold = params.easycache_threshold
    call.struct.cache.start_percent = params.easycache_start
    call.struct.cache.end_percent = params.easycache_end


def _put_sample_args(call: GenerationCall[Any]) -> None:
    # Both models of a pair are sampled with them.
    for target in ("sample_params", "high_noise_sample_params"):
        if hasattr(call.struct, target):
            getattr(call.struct, target).extra_sample_args = format_sample_args(call.command.params)


def _put_loras(call: GenerationCall[Any]) -> None:
    loras = call.command.loras
    array = (sd_lora_t * len(loras))(
        *(sd_lora_t(lora.high_noise, lora.weight, os.fsencode(lora.path)) for lora in loras)
    )
    call.alive.append(array)
    call.struct.loras = array
    call.struct.lora_count = len(loras)


def _map_tile_size(side: str) -> Rule[GenerationCall[Any]]:
    name = f"vae_tile_size_{side}"

    def apply(call: GenerationCall[Any]) -> None:
        asked = getattr(call.command.params, name) * call.revision.tile_unit
        setattr(call.struct.vae_tiling_params, f"tile_size_{side}", asked)

    return Rule((name,), apply)


SHARED_RULES: tuple[Rule[GenerationCall[Any]], ...] = (
    map_number("width"),
    map_number("height"),
    map_number("steps", "sample_params.sample_steps"),
    *map_guidance("", "sample_params"),
    Rule(("eta",), _put_eta),
    map_number("seed"),
    map_index("sampler", "sample_params.sample_method", "samplers"),
    map_index("scheduler", "sample_params.scheduler", "schedulers"),
    map_number("clip_skip"),
    map_number("vae_tiling", "vae_tiling_params.enabled"),
    _map_tile_size("x"),
    _map_tile_size("y"),
    map_number("vae_tile_overlap", "vae_tiling_params.target_overlap"),
    Rule(("easycache", "easycache_threshold", "easycache_start", "easycache_end"), _put_easycache),
    map_image("init_image_base64", "init_image", 3),
    map_number("strength"),
    Rule(tuple(SamplingFields.model_fields), _put_sample_args),
)

SHARED_ELSEWHERE = {
    "prompt": "command.prompt is the same without LoRA tags",
    "negative_prompt": "command.negative_prompt is the same without LoRA tags",
    "loras": "command.loras are these and the prompt's tags, resolved to files and summed up",
    "keep_alive": "decides how long the slot keeps the model",
    "use_architecture_defaults": "decided when the job was submitted",
    "prompt_template": "the prompt was drawn from it when the job was submitted",
    "model": "the job was stamped with it, and it is loaded before",
    "keep_journal": "decides what becomes of the journal",
    "from_job": "decides which journal the job begins with",
    "from_step": "decides how much of that journal it takes",
    "engine": "decides which engine is given the job",
    "priority": "decides the job's place in the queue",
    "preempt": "decides whether it interrupts another job",
    "not_before": "decides when the job stands in the queue",
    "client_id": "decides the job's place in the queue",
    "control_preprocess": "done to the control images, which are in the struct already",
    "canny_low": "in control_preprocess",
    "canny_high": "in control_preprocess",
    "webhook_url": "is told what becomes of the job",
    "webhook_events": "which states of the job webhook_url is told",
    "webhook_secret": "signs what webhook_url is told",
}
