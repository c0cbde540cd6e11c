"""What the web UI calls samplers, schedulers and latent upscalers, and what the engine calls them.

The engine's own names are accepted as well. Where the web UI has two names for what the engine does in one
way, both lead there: its "Uniform" and "Normal" are the schedule that a model was trained with, and
"Polyexponential" with its fixed rho of 1 is "Exponential".
"""

from typing import NamedTuple

from ...engine.binding.names import HIRES_UPSCALERS
from ...errors import BadRequest


class SamplerName(NamedTuple):
    """A sampler as the web UI lists it."""

    label: str
    engine: str
    aliases: tuple[str, ...] = ()
    scheduler: str | None = None
    """The engine's scheduler that "Automatic" stands for; None = what suits the model."""


class SchedulerName(NamedTuple):
    """A scheduler as the web UI lists it."""

    name: str
    label: str
    engine: str | None
    """None: what suits the sampler."""


SAMPLER_NAMES = (
    SamplerName("DPM++ 2M", "dpm++2m", ("k_dpmpp_2m",), "karras"),
    SamplerName("DPM++ 2M SDE", "dpm++2m_sde", ("k_dpmpp_2m_sde",), "exponential"),
    SamplerName("DPM++ 2S a", "dpm++2s_a", ("k_dpmpp_2s_a",), "karras"),
    SamplerName("Euler a", "euler_a", ("k_euler_a", "k_euler_ancestral")),
    SamplerName("Euler", "euler", ("k_euler",)),
    SamplerName("LMS", "lms", ("k_lms",)),
    SamplerName("Heun", "heun", ("k_heun",)),
    SamplerName("DPM2", "dpm2", ("k_dpm_2",), "karras"),
    SamplerName("LCM", "lcm", ("k_lcm",)),
    SamplerName("DDIM", "ddim_trailing", ("ddim",)),
    SamplerName("DPM++ 2M v2", "dpm++2mv2"),
    SamplerName(
        "DPM++ 2M SDE BT", "dpm++2m_sde_bt", ("dpm++ 2m sde gpu", "k_dpmpp_2m_sde_gpu"), "exponential"
    ),
    SamplerName("IPNDM", "ipndm"),
    SamplerName("IPNDM V", "ipndm_v"),
    SamplerName("TCD", "tcd"),
    SamplerName("Res Multistep", "res_multistep", ("k_res_multistep",)),
    SamplerName("Res 2S", "res_2s", ("k_res_2s",)),
    SamplerName("ER SDE", "er_sde"),
    SamplerName("Euler CFG++", "euler_cfg_pp", ("k_euler_cfg_pp",)),
    SamplerName("Euler a CFG++", "euler_a_cfg_pp", ("k_euler_a_cfg_pp",)),
    SamplerName("Euler GE", "euler_ge"),
)
SCHEDULER_NAMES = (
    SchedulerName("automatic", "Automatic", None),
    SchedulerName("uniform", "Uniform", "discrete"),
    SchedulerName("karras", "Karras", "karras"),
    SchedulerName("exponential", "Exponential", "exponential"),
    SchedulerName("polyexponential", "Polyexponential", "exponential"),
    SchedulerName("sgm_uniform", "SGM Uniform", "sgm_uniform"),
    SchedulerName("kl_optimal", "KL Optimal", "kl_optimal"),
    SchedulerName("align_your_steps", "Align Your Steps", "ays"),
    SchedulerName("simple", "Simple", "simple"),
    SchedulerName("normal", "Normal", "discrete"),
    SchedulerName("beta", "Beta", "beta"),
    SchedulerName("align_your_steps_GITS", "Align Your Steps GITS", "gits"),
    SchedulerName("smoothstep", "Smoothstep", "smoothstep"),
    SchedulerName("lcm", "LCM", "lcm"),
    SchedulerName("bong_tangent", "Bong Tangent", "bong_tangent"),
    SchedulerName("ltx2", "LTX2", "ltx2"),
    SchedulerName("logit_normal", "Logit Normal", "logit_normal"),
    SchedulerName("flux2", "Flux2", "flux2"),
    SchedulerName("flux", "Flux", "flux"),
    SchedulerName("llada_image", "LLaDA Image", "llada_image"),
)
LATENT_UPSCALERS = {
    name.capitalize(): name for name in HIRES_UPSCALERS if name.startswith("latent")
}  # "latent (nearest)" -> "Latent (nearest)"
# Those that need no file. "None" leaves the enlarging to the web UI's resizing, which is Lanczos.
PLAIN_UPSCALERS = {"None": "lanczos", "Lanczos": "lanczos", "Nearest": "nearest"}


class Sampling(NamedTuple):
    """How is sampled, in the engine's names."""

    sampler: SamplerName
    scheduler: str | None
    """None where nothing was said."""


def find_sampling(sampler: str, scheduler: str | None) -> Sampling:
    """What the names of a request stand for; "DPM++ 2M Karras" has its scheduler in it, which then counts.

    Raises BadRequest naming the field and what is allowed.
    """
    found = _SAMPLERS.get(_fold(sampler))
    named = _find_scheduler(scheduler) if scheduler else None
    if found is None:
        for one in SCHEDULER_NAMES:
            for ending in (one.label, one.name):
                stem = _fold(sampler).removesuffix(" " + _fold(ending))
                if stem != _fold(sampler) and stem in _SAMPLERS:
                    found, named = _SAMPLERS[stem], one.engine
    if found is None:
        allowed = ", ".join(one.label for one in SAMPLER_NAMES)
        raise BadRequest(f"sampler_name: {sampler!r} is not allowed; allowed are {allowed}", "sampler_name")
    return Sampling(found, named)


def show_sampler(engine: str) -> str:
    """The web UI's name of a sampler of the engine."""
    return next((one.label for one in SAMPLER_NAMES if one.engine == engine), engine)


def show_scheduler(engine: str) -> str:
    """The web UI's name of a scheduler of the engine."""
    return next((one.label for one in SCHEDULER_NAMES if one.engine == engine), engine)


def _find_scheduler(name: str) -> str | None:
    folded = _fold(name)
    if folded in _SCHEDULERS:
        return _SCHEDULERS[folded]
    allowed = ", ".join(one.label for one in SCHEDULER_NAMES)
    raise BadRequest(f"scheduler: {name!r} is not allowed; allowed are {allowed}", "scheduler")


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())


_SAMPLERS = {_fold(name): one for one in SAMPLER_NAMES for name in (one.label, one.engine, *one.aliases)}
_SCHEDULERS = {_fold(one.engine): one.engine for one in SCHEDULER_NAMES if one.engine} | {
    _fold(name): one.engine for one in SCHEDULER_NAMES for name in (one.name, one.label)
}
