"""From a load command to the argument of new_sd_ctx: here alone load options become C fields."""

import ctypes
import os
from dataclasses import dataclass, field

from ...errors import LoadFailed
from ...schemas.model_types import COMPONENTS, MODEL_TYPES, Component
from ...schemas.models import LoadOptions, ModelFiles
from ...schemas.placement import VAE_FORMATS
from .field_rules import Rule, encode_text, find_index, format_type_rules
from .library import Library
from .revision import Revision
from .structs import sd_embedding_t


@dataclass
class ContextCall:
    """The argument of new_sd_ctx; `alive` holds what its pointers point at."""

    struct: ctypes.Structure
    options: LoadOptions
    revision: Revision
    device: str | None = None
    alive: list[object] = field(default_factory=list)


def build_context_params(
    library: Library, files: ModelFiles, options: LoadOptions, device: str | None = None
) -> ContextCall:
    """Fill the argument; without a device the engine chooses one.

    Raises LoadFailed where the revision does not have a component.

    Weights are read at once, so that a context that exists can generate; but what is read so is never
    released, so that parameters that wait on disk are left to each job.
    """
    call = ContextCall(library.revision.structs["sd_ctx_params"](), options, library.revision, device)
    library.c.sd_ctx_params_init(ctypes.byref(call.struct))
    call.struct.eager_load = not (options.free_params_immediately or "disk" in options.params_backend)
    main = MODEL_TYPES[files.model_type].ctx_field
    assert main is not None
    setattr(call.struct, main, os.fsencode(files.main))
    for component, path in files.components.items():
        put_component(call, component, path)
    _put_embeddings(call, files.embeddings)
    for rule in LOAD_RULES:
        rule.apply(call)
    return call


def put_component(call: ContextCall, component: Component, path: str) -> None:
    """Put the path of a component into its field. Raises LoadFailed where the revision has none."""
    field = COMPONENTS[component].ctx_field
    if not hasattr(call.struct, field):  # a struct of ctypes takes any name
        raise LoadFailed(f"{component}: the engine's revision {call.revision.commit} does not have it")
    setattr(call.struct, field, os.fsencode(path))


def _map_option(name: str, *targets: str) -> Rule[ContextCall]:
    """An option that is a struct's field of the same meaning: a number, a boolean or a text."""

    def apply(call: ContextCall) -> None:
        value = getattr(call.options, name)
        for target in targets or (name,):
            setattr(call.struct, target, encode_text(value) if isinstance(value, str) else value)

    return Rule((name,), apply)


def _map_choice(name: str, target: str, known: str) -> Rule[ContextCall]:
    """An option that is an enum: its index in that list of EngineNames; empty leaves the choice."""

    def apply(call: ContextCall) -> None:
        value = getattr(call.options, name)
        if value:
            setattr(call.struct, target, find_index(call.revision, known, name, value))

    return Rule((name,), apply)


def _put_threads(call: ContextCall) -> None:
    if call.options.n_threads > 0:  # 0 and -1: physical cores, the engine's own default
        call.struct.n_threads = call.options.n_threads


def _put_weight_type(call: ContextCall) -> None:
    if call.options.weight_type:  # else as they are in the file, the engine's own default
        call.struct.wtype = call.revision.type_ids[call.options.weight_type]


def _put_type_rules(call: ContextCall) -> None:
    call.struct.tensor_type_rules = format_type_rules(call.options.tensor_type_rules)


def _put_placement(call: ContextCall) -> None:
    options = call.options
    # Later revisions move modules between devices by themselves unless they are told not to.
    call.struct.auto_fit = options.auto_fit
    on_cpu = {
        "te": options.keep_clip_on_cpu,
        "vae": options.keep_vae_on_cpu,
        "controlnet": options.keep_controlnet_on_cpu,
    }
    placed = {"*": call.device} if call.device else {}
    if not options.auto_fit:
        placed |= {module: "cpu" for module, kept in on_cpu.items() if kept}
    given = dict(part.split("=") for part in options.backend.split(",") if part)
    placed = given if "*" in given else placed | given
    call.struct.backend = ",".join(f"{module}={device}" for module, device in placed.items()).encode()
    if options.params_backend:
        call.struct.params_backend = options.params_backend.encode()
    elif options.free_params_immediately:
        call.struct.params_backend = b"*=disk"
    elif options.offload_to_cpu:
        call.struct.params_backend = b"*=cpu"


def _put_budget(call: ContextCall) -> None:
    for name in ("max_vram", "split_mode"):
        if text := getattr(call.options, name):  # else the engine's own default
            setattr(call.struct, name, text.encode())


def _put_vae_format(call: ContextCall) -> None:
    if call.options.vae_format:
        call.struct.vae_format = VAE_FORMATS.index(call.options.vae_format)


def _put_chroma(call: ContextCall) -> None:
    options = call.options
    call.struct.model_args = (
        f"chroma_use_dit_mask={options.chroma_use_dit_mask:d}"
        f",chroma_use_t5_mask={options.chroma_use_t5_mask:d}"
        f",chroma_t5_mask_pad={options.chroma_t5_mask_pad}"
    ).encode()


def _put_lora_mode(call: ContextCall) -> None:
    # The engine's own `auto` merges LoRAs into weights that are not quantised and takes them out again
    # later; what rounding leaves behind changes every image after it. At run time nothing is left.
    mode = call.options.lora_apply_mode
    call.struct.lora_apply_mode = call.revision.names.lora_apply_modes.index(
        "at_runtime" if mode == "auto" else mode
    )


def _put_embeddings(call: ContextCall, embeddings: dict[str, str]) -> None:
    array = (sd_embedding_t * len(embeddings))(
        *(sd_embedding_t(encode_text(word), os.fsencode(path)) for word, path in embeddings.items())
    )
    call.alive.append(array)
    call.struct.embeddings = array
    call.struct.embedding_count = len(embeddings)


LOAD_RULES: tuple[Rule[ContextCall], ...] = (
    Rule(("n_threads",), _put_threads),
    Rule(
        (
            "keep_clip_on_cpu",
            "keep_vae_on_cpu",
            "keep_controlnet_on_cpu",
            "backend",
            "params_backend",
            "auto_fit",
            "offload_to_cpu",
            "free_params_immediately",
        ),
        _put_placement,
    ),
    _map_option("vae_conv_direct"),
    _map_option("diffusion_conv_direct"),
    _map_option("flash_attn", "flash_attn", "diffusion_flash_attn"),
    _map_option("enable_mmap"),
    Rule(("max_vram", "split_mode"), _put_budget),
    Rule(("vae_format",), _put_vae_format),
    _map_option("tae_preview_only"),
    Rule(("weight_type",), _put_weight_type),
    Rule(("tensor_type_rules",), _put_type_rules),
    _map_choice("rng_type", "rng_type", "rng_types"),
    _map_choice("sampler_rng_type", "sampler_rng_type", "rng_types"),
    _map_choice("prediction", "prediction", "predictions"),
    Rule(("lora_apply_mode",), _put_lora_mode),
    Rule(("chroma_use_dit_mask", "chroma_use_t5_mask", "chroma_t5_mask_pad"), _put_chroma),
)

LOAD_ELSEWHERE = {
    "vae_decode_only": "the engine reads the encoder when a job needs it",
    "flow_shift": "a default of each job",
    "vae_tiling": "a default of each job, filled in when that is submitted",
    "vae_tile_size_x": "a default of each job, filled in when that is submitted",
    "vae_tile_size_y": "a default of each job, filled in when that is submitted",
    "vae_tile_overlap": "a default of each job, filled in when that is submitted",
}
