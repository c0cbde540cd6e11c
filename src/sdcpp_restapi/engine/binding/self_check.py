"""Opening the engine library, and the self-check that refuses any other revision than the known one.

The C interface changes between revisions without a version number of its own: structs grow and enums
move. Whatever differs would be found as a crash or, worse, as a wrong picture; here it is found at start.
"""

import ctypes
from pathlib import Path

from ...errors import EngineUnusable
from ...schemas import engine_names
from ...schemas.model_types import COMPONENTS, MODEL_TYPES
from .structs import (
    COMMIT,
    INSTALL,
    SIZES,
    TYPES,
    Library,
    find_library,
    sd_ctx_params_t,
    sd_img_gen_params_t,
    sd_vid_gen_params_t,
)

INFINITY = float("inf")

ENUMS = {
    "sd_sample_method_name": engine_names.SAMPLERS,
    "sd_scheduler_name": engine_names.SCHEDULERS,
    "sd_rng_type_name": engine_names.RNG_TYPES,
    "sd_prediction_name": engine_names.PREDICTIONS,
    "sd_preview_name": engine_names.PREVIEW_MODES,
    "sd_lora_apply_mode_name": engine_names.LORA_APPLY_MODES,
    "sd_hires_upscaler_name": ("none", *engine_names.HIRES_UPSCALERS),
}

# Struct name -> field -> value after *_init, as read off 487de75.
DEFAULTS: dict[str, dict[str, object]] = {
    "sd_ctx_params": {
        "wtype": 42,
        "rng_type": 1,
        "sampler_rng_type": 3,
        "prediction": 7,
        "lora_apply_mode": 0,
        "vae_format": -1,
        "eager_load": False,
        "auto_fit": False,
        "rpc_servers": None,
        "model_args": None,
    },
    "sd_img_gen_params": {
        "clip_skip": -1,
        "width": 512,
        "height": 512,
        "sample_params.guidance.txt_cfg": 7.0,
        "sample_params.guidance.img_cfg": INFINITY,
        "sample_params.guidance.distilled_guidance": 3.5,
        "sample_params.scheduler": 16,
        "sample_params.sample_method": 21,
        "sample_params.sample_steps": 20,
        "sample_params.flow_shift": INFINITY,
        "strength": 0.75,
        "seed": -1,
        "batch_count": 1,
        "pm_params.style_strength": 20.0,
        "vae_tiling_params.target_overlap": 0.5,
        "cache.spectrum_m": 3,
        "hires.scale": 2.0,
        "qwen_image_layers": 3,
        "circular_y": False,
    },
    "sd_vid_gen_params": {
        "high_noise_sample_params.sample_steps": -1,
        "moe_boundary": 0.875,
        "video_frames": 6,
        "fps": 16,
        "vace_strength": 1.0,
        "cache.spectrum_warmup_steps": 4,
        "hires.upscale_tile_size": 128,
    },
}

STRUCTS: dict[str, type[ctypes.Structure]] = {
    "sd_ctx_params": sd_ctx_params_t,
    "sd_img_gen_params": sd_img_gen_params_t,
    "sd_vid_gen_params": sd_vid_gen_params_t,
}

# What is put into a struct -> the line (or part of it) in which the engine must print it again.
_PATHS = (
    *(row.ctx_field for row in MODEL_TYPES.values() if row.ctx_field),
    *(row.ctx_field for row in COMPONENTS.values()),
    "tensor_type_rules",
    "max_vram",
    "backend",
    "params_backend",
    "model_args",
)
CONTEXT_SENTINELS: dict[str, tuple[object, str]] = {
    **{name: (f"<{name}>".encode(), f"\n{name}: <{name}>\n") for name in _PATHS},
    "n_threads": (77, "\nn_threads: 77\n"),
    "wtype": (8, "\nwtype: q8_0\n"),
    "rng_type": (2, "\nrng_type: cpu\n"),
    "sampler_rng_type": (0, "\nsampler_rng_type: std_default\n"),
    "prediction": (3, "\nprediction: sd3_flow\n"),
    "eager_load": (True, "\neager_load: true\n"),
    "flash_attn": (True, "\nflash_attn: true\n"),
    "diffusion_flash_attn": (True, "\ndiffusion_flash_attn: true\n"),
    "auto_fit": (True, "\nauto_fit: true\n"),
}
IMAGE_SENTINELS: dict[str, tuple[object, str]] = {
    "prompt": (b"<prompt>", "\nprompt: <prompt>\n"),
    "negative_prompt": (b"<negative>", "\nnegative_prompt: <negative>\n"),
    "clip_skip": (3, "\nclip_skip: 3\n"),
    "width": (711, "\nwidth: 711\n"),
    "height": (712, "\nheight: 712\n"),
    "strength": (0.25, "\nstrength: 0.25\n"),
    "seed": (2**40 + 1, f"\nseed: {2**40 + 1}\n"),
    "batch_count": (5, "\nbatch_count: 5\n"),
    "control_strength": (0.5, "\ncontrol_strength: 0.50\n"),
    "ref_image_args": (b"<ref>", "\nref_image_args: <ref>\n"),
    "sample_params.guidance.txt_cfg": (1.25, "(txt_cfg: 1.25,"),
    "sample_params.guidance.img_cfg": (1.5, " img_cfg: 1.50,"),
    "sample_params.guidance.distilled_guidance": (1.75, " distilled_guidance: 1.75,"),
    "sample_params.guidance.slg.layer_start": (0.125, " slg.layer_start: 0.12,"),
    "sample_params.guidance.slg.layer_end": (0.75, " slg.layer_end: 0.75,"),
    "sample_params.guidance.slg.scale": (2.5, " slg.scale: 2.50,"),
    "sample_params.scheduler": (2, " scheduler: exponential,"),
    "sample_params.sample_method": (13, " sample_method: res_2s,"),
    "sample_params.sample_steps": (31, " sample_steps: 31,"),
    "sample_params.eta": (0.5, " eta: 0.50,"),
    "sample_params.shifted_timestep": (250, " shifted_timestep: 250,"),
    "sample_params.flow_shift": (4.5, " flow_shift: 4.50,"),
    "vae_tiling_params.enabled": (True, "\nVAE tiling: true "),
    "pm_params.style_strength": (12.5, "{style_strength = 12.50,"),
    "qwen_image_layers": (9, "\nqwen_image_layers: 9\n"),
    "pm_params.id_embed_path": (b"<embed>", ", id_embed_path = <embed>}"),
    "hires.enabled": (True, "{enabled=true,"),
    "hires.upscaler": (9, " upscaler=Model,"),
    "hires.model_path": (b"<esrgan>", " model_path=<esrgan>,"),
    "hires.scale": (3.5, " scale=3.50,"),
    "hires.target_width": (713, " target=713x"),
    "hires.target_height": (714, "x714,"),
    "hires.steps": (17, ", steps=17,"),
    "hires.denoising_strength": (0.25, " denoising_strength=0.25}"),
    "cache.mode": (1, "\ncache: easycache "),
    "cache.reuse_threshold": (0.375, "(threshold=0.375,"),
    "cache.start_percent": (0.25, " start=0.25,"),
    "cache.end_percent": (0.75, " end=0.75)"),
    "circular_x": (True, "\ncircular_x: true\n"),
    "circular_y": (True, "\ncircular_y: true\n"),
}


def open_library(path: str | None) -> Library:
    """Open the library at `path` (None: the installed wheel's) and check it; loads and prints nothing.

    Raises EngineUnusable with one sentence that says what is wrong and what to install.
    """
    library = Library(Path(path) if path else find_library())
    for check in (_check_commit, _check_sizes, _check_enums, _check_defaults, _check_sentinels):
        wrong = check(library)
        if wrong:
            raise EngineUnusable(f"{library.path} is not stable-diffusion.cpp {COMMIT} ({wrong}): {INSTALL}")
    return library


def member(struct: ctypes.Structure, path: str) -> tuple[ctypes.Structure, str]:
    """The innermost struct and the field's name of a dotted path such as "sample_params.eta"."""
    *outer, field = path.split(".")
    for name in outer:
        struct = getattr(struct, name)
    return struct, field


def _check_commit(library: Library) -> str:
    # First of all: no struct is handed to a revision that may lay it out differently.
    commit = library.text("sd_commit")
    return "" if commit == COMMIT else f"it calls itself {commit or 'nothing'}"


def _check_sizes(library: Library) -> str:
    wrong = [
        f"{struct.__name__} has {ctypes.sizeof(struct)} bytes"
        for struct in SIZES
        if ctypes.sizeof(struct) != SIZES[struct]
    ]
    return ", ".join(wrong)


def _check_enums(library: Library) -> str:
    for function, known in ENUMS.items():
        theirs = tuple(library.text(function, index).lower() for index in range(len(known) + 1))
        if theirs != (*known, "none"):
            return f"{function} answers {', '.join(theirs)}"
    for name, index in TYPES.items():
        if library.text("sd_type_name", index).lower() != name:
            return f"its type {index} is not {name}"
    return ""


def _check_defaults(library: Library) -> str:
    for name, expected in DEFAULTS.items():
        struct = _initialised(library, name)
        for path, value in expected.items():
            inner, field = member(struct, path)
            found = getattr(inner, field)
            if found != value:
                return f"default {name}_t.{path} is {found!r}, not {value!r}"
    return ""


def _check_sentinels(library: Library) -> str:
    context = _unseen(library, "sd_ctx_params", CONTEXT_SENTINELS)
    return context or _unseen(library, "sd_img_gen_params", IMAGE_SENTINELS)


def _unseen(library: Library, name: str, sentinels: dict[str, tuple[object, str]]) -> str:
    struct = _initialised(library, name)
    for path, (value, _) in sentinels.items():
        inner, field = member(struct, path)
        setattr(inner, field, value)
    printed = "\n" + library.text(f"{name}_to_str", ctypes.byref(struct))
    missing = [path for path, (_, line) in sentinels.items() if line not in printed]
    return f"{name}_t is laid out differently at {', '.join(missing)}" if missing else ""


def _initialised(library: Library, name: str) -> ctypes.Structure:
    struct = STRUCTS[name]()
    getattr(library.c, f"{name}_init")(ctypes.byref(struct))
    return struct
