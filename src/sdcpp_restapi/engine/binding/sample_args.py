"""The text `extra_sample_args` of sd_sample_params_t: key=value, separated by commas.

Keys were read off the library's strings, and what they do measured with stable-diffusion.cpp 487de75 and
2bb7294 on tiny models of SD1.5 and Flux.
"""

from collections.abc import Mapping, Sequence

from ...schemas.generation import GenerationRequest, Img2ImgRequest
from ...schemas.sampling import SamplingFields

# Field of a request -> key of the engine.
KEYS: Mapping[str, str] = {
    "apg_eta": "apg_eta",
    "apg_momentum": "apg_momentum",
    "apg_norm_threshold": "apg_norm_threshold",
    "apg_norm_threshold_smoothing": "apg_norm_threshold_smoothing",
    "slg_uncond": "slg_uncond",
    "noise_sampler": "noise_sampler",
    "brownian_tree_rng": "brownian_tree_rng",
    "euler_ge_gamma": "gamma",
    "lms_max_order": "lms_max_order",
    "lms_shift": "lms_shift",
    "lms_divisions": "lms_divisions",
    "lcm_noise_clip_std": "noise_clip_std",
    "lcm_noise_scale_start": "noise_scale_start",
    "lcm_noise_scale_end": "noise_scale_end",
    "beta_alpha": "alpha",
    "beta_beta": "beta",
    "logit_normal_std": "std",
    "logit_normal_logsnr_min": "logsnr_min",
    "logit_normal_logsnr_max": "logsnr_max",
    "base_shift": "base_shift",
    "max_shift": "max_shift",
    "ltx2_terminal": "terminal",
    "ltx2_stretch": "stretch",
    "llada_uniform": "uniform",
    "sefi_alpha": "sefi_alpha",
    "sefi_delta_t": "sefi_delta_t",
}


def format_sample_args(request: GenerationRequest) -> bytes:
    """What of the request differs from the engine's own values; empty where nothing does."""
    defaults = SamplingFields.model_fields
    given = {key: getattr(request, field) for field, key in KEYS.items()
             if getattr(request, field) != defaults[field].default}  # fmt: skip
    texts = [f"{key}={_format_value(value)}" for key, value in given.items()]
    if request.guidance_varies:
        texts.append(f"guidance_schedule={_format_schedule(list_scales(request))}")
    return ",".join(texts).encode()


def list_scales(request: GenerationRequest) -> list[float]:
    """The guidance scale of each step that is sampled: image to image leaves out the first ones."""
    steps = request.steps
    if request.guidance_schedule:
        rest = [request.cfg_scale] * (steps - len(request.guidance_schedule))
        scales = [*request.guidance_schedule, *rest]
    else:
        middles = ((step + 0.5) / steps for step in range(steps))
        scales = [
            request.cfg_scale if request.cfg_start <= middle <= request.cfg_end else 1.0 for middle in middles
        ]
    sampled = request.sampled_steps if isinstance(request, Img2ImgRequest) else steps
    return scales[-sampled:]


def _format_schedule(scales: Sequence[float]) -> str:
    """Segments of scale x count, joined by `+`.

    Of n + 1 values the engine takes number n - i for step i: so they stand in reverse order, and the last one
    is never read. With n of them it would read one before the first.
    """
    return "+".join(f"{scale:.9g}x1" for scale in (*reversed(scales), 1.0))


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)
