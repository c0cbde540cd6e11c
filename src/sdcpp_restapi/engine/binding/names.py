"""The engine's own names in the order of its C enums, as the API spells them, for each known revision.

The self-check compares every one of them with what the library at hand answers. Nothing of ours is imported
here, so that the schemas of requests can use the names. The lists in capitals hold the names of all
revisions; what the engine at hand knows of them it tells when it starts.
"""

from dataclasses import dataclass, replace

SAMPLERS = (
    "euler",
    "euler_a",
    "heun",
    "dpm2",
    "dpm++2s_a",
    "dpm++2m",
    "dpm++2mv2",
    "ipndm",
    "ipndm_v",
    "lcm",
    "ddim_trailing",
    "tcd",
    "res_multistep",
    "res_2s",
    "er_sde",
    "euler_cfg_pp",
    "euler_a_cfg_pp",
    "euler_ge",
    "dpm++2m_sde",
    "dpm++2m_sde_bt",
    "lms",
)
SCHEDULERS = (
    "discrete",
    "karras",
    "exponential",
    "ays",
    "gits",
    "sgm_uniform",
    "simple",
    "smoothstep",
    "kl_optimal",
    "lcm",
    "bong_tangent",
    "ltx2",
    "logit_normal",
    "flux2",
    "flux",
    "beta",
    "llada_image",
)
RNG_TYPES = ("std_default", "cuda", "cpu")
PREDICTIONS = (
    "eps",
    "v",
    "edm_v",
    "sd3_flow",
    "flux_flow",
    "sefi_flow",
    "minit2i_flow",
    "sensenova_u1_flow",
)
# Upstream folded flux2_flow into flux_flow; the API document still names it.
PREDICTION_ALIASES = {"flux2_flow": "flux_flow"}
NOISE_SAMPLERS = ("iid", "brownian_tree")
CONTROL_PREPROCESSORS = ("canny",)
BROWNIAN_TREE_RNGS = (*RNG_TYPES, "sampler_rng")
LORA_APPLY_MODES = ("auto", "immediately", "at_runtime")
PREVIEW_MODES = ("none", "proj", "tae", "vae")
# The first of the engine's own list, which is "none", is left out: `hires` is false then.
HIRES_UPSCALERS = (
    "latent",
    "latent (nearest)",
    "latent (nearest-exact)",
    "latent (antialiased)",
    "latent (bicubic)",
    "latent (bicubic antialiased)",
    "lanczos",
    "nearest",
    "model",
)
# sd_cache_mode_t from 1 on (0 is off); no function of the engine answers these names.
CACHE_MODES = ("easycache", "ucache", "dbcache", "taylorseer", "cache-dit", "spectrum")

# id of the API -> its label, and bits per weight
QUANTIZATION_TYPES = {
    "f32": ("F32 (32-bit float)", 32),
    "f16": ("F16 (16-bit float)", 16),
    "bf16": ("BF16 (Brain float 16)", 16),
    "q8_0": ("Q8_0 (8-bit)", 8),
    "q5_0": ("Q5_0 (5-bit)", 5),
    "q5_1": ("Q5_1 (5-bit)", 5),
    "q4_0": ("Q4_0 (4-bit)", 4),
    "q4_1": ("Q4_1 (4-bit)", 4),
    "q4_k": ("Q4_K (4-bit K-quant)", 4),
    "q5_k": ("Q5_K (5-bit K-quant)", 5),
    "q6_k": ("Q6_K (6-bit K-quant)", 6),
    "q8_k": ("Q8_K (8-bit K-quant)", 8),
    "q3_k": ("Q3_K (3-bit K-quant)", 3),
    "q2_k": ("Q2_K (2-bit K-quant)", 2),
}

# Q8_K is a type of intermediate results; asked to write it, the engine fails an assertion.
WRITABLE_TYPES = tuple(name for name in QUANTIZATION_TYPES if name != "q8_k")

# Packages that ship the engine's library; the first one that is installed is taken.
SUPPLIERS = ("cyllama", "inferna")

# What a line of the log is; each revision has numbers of its own for them.
LOG_LEVELS = ("debug", "info", "warning", "error")


# Fields of requests and of loads that not every revision has an ear for.
LATER_FIELDS = ("noise_sampler", "brownian_tree_rng", "lms_max_order", "lms_shift", "audio_encoder")


@dataclass(frozen=True, kw_only=True)
class EngineNames:
    """What one revision knows, each list in the order of its C enum; `hires_upscalers` without "none".

    `later_fields` are those of LATER_FIELDS that it has.
    """

    samplers: tuple[str, ...] = SAMPLERS
    schedulers: tuple[str, ...] = SCHEDULERS
    rng_types: tuple[str, ...] = RNG_TYPES
    predictions: tuple[str, ...] = PREDICTIONS
    lora_apply_modes: tuple[str, ...] = LORA_APPLY_MODES
    preview_modes: tuple[str, ...] = PREVIEW_MODES
    hires_upscalers: tuple[str, ...] = HIRES_UPSCALERS
    cache_modes: tuple[str, ...] = CACHE_MODES
    later_fields: tuple[str, ...] = LATER_FIELDS


# Revision of stable-diffusion.cpp -> its names; the first is that of the wheel that is installed by default.
_2BB7294 = EngineNames()
NAMES = {
    "2bb7294": _2BB7294,
    "3f8527a": _2BB7294,
    "487de75": replace(_2BB7294, schedulers=SCHEDULERS[:16], predictions=PREDICTIONS[:7], later_fields=()),
}
DEFAULT_REVISION = "2bb7294"
