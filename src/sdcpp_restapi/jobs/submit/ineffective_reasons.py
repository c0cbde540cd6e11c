"""Why a field of a request does nothing, on its model or beside its other fields.

Measured with stable-diffusion.cpp 487de75, or read off its source where a model is too large for that.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...schemas.generation import Img2ImgRequest
from ...schemas.inspection import Network
from ...schemas.models import LoadRequest
from ...schemas.sampling import SamplingFields
from ...schemas.video import Txt2VidRequest
from .architecture_rules import Params

WITH_REFERENCES = (
    "Flux", "Flux.2", "Flux.2 klein", "Qwen-Image", "Qwen-Image-Layered", "LongCat-Image", "Z-Image",
    "Boogu-Image",
)  # fmt: skip
UNETS = ("SD1.5", "SD2.x", "SDXS", "SDXL")
APG = ("apg_eta", "apg_momentum", "apg_norm_threshold")
ETA_SAMPLERS = {
    "euler_a", "dpm++2s_a", "ddim_trailing", "tcd", "res_multistep", "res_2s", "euler_a_cfg_pp", "euler_ge",
    "dpm++2m_sde", "dpm++2m_sde_bt",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A complete request and the model that it is for; what is not known of the model is None."""

    request: Params
    model: LoadRequest
    architecture: str | None
    network: Network | None
    """The diffusion model as its header shows it."""

    def get(self, field: str) -> Any:
        """The value of a field; None if requests of this kind have none of that name."""
        return getattr(self.request, field, None)

    def has_trait(self, trait: str) -> bool | None:
        """Whether the diffusion model has a part; None if that is not known."""
        return trait in self.network.traits if self.network else None


type Reason = Callable[[Case], str | None]
"""Why fields do nothing, to stand behind "has no effect"; None where they may act."""


def on(*architectures: str) -> Reason:
    """On any of these."""
    return lambda case: f" on {case.architecture}" if case.architecture in architectures else None


def except_on(*architectures: str) -> Reason:
    """On all but these."""
    return lambda case: (
        f" on {case.architecture}" if case.architecture and case.architecture not in architectures else None
    )


def without(*fields: str) -> Reason:
    """Without any of these fields."""
    reason = f" without {' or '.join(fields)}"
    return lambda case: None if any(case.get(field) for field in fields) else reason


def beside(field: str) -> Reason:
    """Beside a field that says more."""
    return lambda case: f" beside {field}" if case.get(field) else None


def without_component(component: str, name: str) -> Reason:
    """On a model that was loaded without it."""
    reason = f": the model was loaded without {name}"
    return lambda case: None if getattr(case.model, component) else reason


def without_mode(*modes: str) -> Reason:
    """With no cache, or one that has other fields."""
    reason = f" without cache_mode {' or '.join(modes)}"
    return lambda case: None if case.get("cache_mode") in modes else reason


def only_images(reason: Reason) -> Reason:
    """A reason that does not hold for videos."""
    return lambda case: None if isinstance(case.request, Txt2VidRequest) else reason(case)


def unseen_control(case: Case) -> str | None:
    """Nobody looks at the control image: neither a ControlNet nor whoever has it returned."""
    return (
        None
        if case.model.controlnet or case.get("return_control")
        else ": the model was loaded without a ControlNet"
    )


def unguided(case: Case) -> str | None:
    """The engine encodes it only for classifier-free guidance; a pair has that with either scale."""
    scales = ["cfg_scale", "high_noise_cfg_scale"] if case.model.high_noise_diffusion_model else ["cfg_scale"]
    given = [scale for scale in scales if case.get(scale) is not None]
    if any(case.get(scale) != 1 for scale in given) or case.get("img_cfg_scale") not in (None, -1, 1):
        return None
    return f": {' and '.join(given)} {'is' if len(given) == 1 else 'are'} 1"


def without_eta(case: Case) -> str | None:
    """These samplers add no noise of their own."""
    samplers = {case.get("sampler")}
    if case.model.high_noise_diffusion_model and case.get("high_noise_sampler"):
        samplers.add(case.get("high_noise_sampler"))
    return None if samplers & ETA_SAMPLERS else f" with sampler {case.get('sampler')}"


def with_other_sampler(*samplers: str) -> Reason:
    """With a sampler that has no such number; of a pair each model may have one."""

    def reason(case: Case) -> str | None:
        used = {case.get("sampler"), case.get("high_noise_sampler")}
        return None if used & set(samplers) else f" with sampler {case.get('sampler')}"

    return reason


def with_other_scheduler(*schedulers: str) -> Reason:
    """With a scheduler that has no such number."""
    return lambda case: (
        None if case.get("scheduler") in schedulers else f" with scheduler {case.get('scheduler')}"
    )


def without_brownian_tree(case: Case) -> str | None:
    """What draws from no tree needs nothing to make it from."""
    draws = case.get("noise_sampler") or ("brownian_tree" if case.get("sampler") == "dpm++2m_sde_bt" else "")
    return None if draws == "brownian_tree" else " without noise_sampler brownian_tree"


def beside_apg(case: Case) -> str | None:
    """Adaptive projected guidance has one scale for all steps."""
    asked = [field for field in APG if case.get(field) != SamplingFields.model_fields[field].default]
    return f" beside {asked[0]}" if asked else None


def without_guidance_input(case: Case) -> str | None:
    """Flux schnell has none."""
    ineffective = case.architecture == "Flux" and case.has_trait("guidance_width") is False
    return ": the model has no input for it" if ineffective else None


def skips_no_step(case: Case) -> str | None:
    """The engine skips layers in the steps that lie between the two shares of the number of sigmas."""
    request = case.request
    if not request.slg_scale and not request.slg_uncond:
        return None
    if not request.skip_layers:
        return ": skip_layers is empty"
    if isinstance(request, Txt2VidRequest) or request.hires:
        return None  # there may be other steps
    steps = request.sampled_steps if isinstance(request, Img2ImgRequest) else request.steps
    first, end = (int(_multiply(share, steps + 1)) for share in (request.slg_start, request.slg_end))
    if any(first < step < end for step in range(1, steps + 1)):
        return None
    return f": none of the {steps} steps lies between slg_start and slg_end"


def _multiply(share: float, count: int) -> float:
    """As the engine does, in single precision."""
    return ctypes.c_float(ctypes.c_float(share).value * count).value


def wrong_cache(case: Case) -> str | None:
    """ucache is made for UNets, spectrum for all, the others for transformers."""
    mode = case.get("cache_mode") or ("easycache" if case.get("easycache") else "spectrum")
    if mode == "spectrum" or case.architecture is None:
        return None
    return None if (mode == "ucache") == (case.architecture in UNETS) else f" on {case.architecture}"


def plain_unet(case: Case) -> str | None:
    """Models that edit or inpaint have more channels, for the picture beside the latents."""
    plain = case.architecture in UNETS and case.network and case.network.traits.get("input_channels") == 4
    return ": the model does not edit or inpaint" if plain else None


def without_reference(case: Case) -> str | None:
    """These take a scale for references, not for the picture that they start from."""
    ineffective = case.architecture in WITH_REFERENCES and not case.get("ref_images")
    return " without ref_images" if ineffective else None


def without_hires_model(case: Case) -> str | None:
    """Only a model has a file, and tiles."""
    upscaler = case.get("hires_upscaler")
    return None if upscaler == "model" else f" with hires_upscaler {upscaler}"


def prompted_only(case: Case) -> str | None:
    """Of the models that the API calls Wan, those for image to video and VACE take pictures."""
    if case.architecture != "Wan" or case.has_trait("image_width") is not False:
        return None
    return None if case.has_trait("vace_width") else ": the model makes videos of the prompt alone"


def without_last_frame(case: Case) -> str | None:
    """Of the models that the API calls Wan, those for image to video take one; TI2V beside a first one."""
    if case.architecture == "Wan" and case.has_trait("image_width") is False:
        return ": the model takes no last frame"
    beside_first = case.architecture == "Wan2.2 TI2V" and not case.get("init_image_base64")
    return " without init_image_base64" if beside_first else None


def without_vace(case: Case) -> str | None:
    """Of the models that the API calls Wan, only a VACE follows control frames."""
    ineffective = case.architecture == "Wan" and case.has_trait("vace_width") is False
    return ": the model is not a VACE" if ineffective else None


def boundary_is_given(case: Case) -> str | None:
    """A number of steps decides when the high-noise model ends."""
    return " beside high_noise_steps" if case.get("high_noise_steps") >= 0 else None


def without_high_noise_steps(case: Case) -> str | None:
    """The high-noise model does not run."""
    return ": high_noise_steps is 0" if case.get("high_noise_steps") == 0 else None
