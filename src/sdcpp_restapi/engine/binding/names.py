"""The engine's own names in the order of its C enums, as the API spells them.

Read off stable-diffusion.cpp 487de75; the self-check compares every one of them with what the library at hand
answers. Nothing is imported here, so that the schemas of requests can use the names.
"""

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
)
RNG_TYPES = ("std_default", "cuda", "cpu")
PREDICTIONS = ("eps", "v", "edm_v", "sd3_flow", "flux_flow", "sefi_flow", "minit2i_flow")
# Upstream folded flux2_flow into flux_flow; the API document still names it.
PREDICTION_ALIASES = {"flux2_flow": "flux_flow"}
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

# sd_log_level_t
LOG_LEVELS = ("debug", "info", "warning", "error")
