"""ComfyUI's names of samplers and schedulers, and the engine's for the same methods.

Of ComfyUI's, only those are listed that the engine has; the engine's own that ComfyUI lacks come after them,
as the engine calls them.
"""

from collections.abc import Mapping

from ...engine.binding.names import SAMPLERS as ENGINE_SAMPLERS
from ...engine.binding.names import SCHEDULERS as ENGINE_SCHEDULERS

# ComfyUI's "ddim" is Euler's method, and its "_gpu" tells only where noise is made.
_SAMPLERS = {
    "euler": "euler",
    "euler_cfg_pp": "euler_cfg_pp",
    "euler_ancestral": "euler_a",
    "euler_ancestral_cfg_pp": "euler_a_cfg_pp",
    "heun": "heun",
    "dpm_2": "dpm2",
    "lms": "lms",
    "dpmpp_2s_ancestral": "dpm++2s_a",
    "dpmpp_2m": "dpm++2m",
    "dpmpp_2m_sde": "dpm++2m_sde",
    "dpmpp_2m_sde_gpu": "dpm++2m_sde",
    "lcm": "lcm",
    "ipndm": "ipndm",
    "ipndm_v": "ipndm_v",
    "res_multistep": "res_multistep",
    "gradient_estimation": "euler_ge",
    "er_sde": "er_sde",
    "ddim": "euler",
}
# "normal" and "discrete" both spread the steps evenly over the model's own.
_SCHEDULERS = {
    "normal": "discrete",
    "simple": "simple",
    "sgm_uniform": "sgm_uniform",
    "karras": "karras",
    "exponential": "exponential",
    "beta": "beta",
    "kl_optimal": "kl_optimal",
}


def _add_own(common: Mapping[str, str], engine: tuple[str, ...]) -> Mapping[str, str]:
    return {**common, **{name: name for name in engine if name not in common.values()}}


SAMPLERS = _add_own(_SAMPLERS, ENGINE_SAMPLERS)
SCHEDULERS = _add_own(_SCHEDULERS, ENGINE_SCHEDULERS)
