"""When the guidance of each step can be told apart: the engine finds the scale of a step by its number."""

from ...errors import BadRequest
from ...schemas.generation import ImageRequest
from ...schemas.models import LoadRequest
from .architecture_rules import Params

# They compute each step twice, and look for the scale of the first time behind the end of the list: measured
# with stable-diffusion.cpp 2bb7294.
TWICE_A_STEP = ("heun", "dpm2", "dpm++2s_a", "res_2s")


def check_guidance(request: Params, model: LoadRequest) -> None:
    """Raises BadRequest where a scale for each step would be read from beside the list of them."""
    if not request.guidance_varies:
        return
    field = "guidance_schedule" if request.guidance_schedule else "cfg_start and cfg_end"
    name = field.partition(" ")[0]
    if len(request.guidance_schedule) > request.steps:
        raise BadRequest(
            f"guidance_schedule: {len(request.guidance_schedule)} values are not allowed; at most one for"
            f" each of the {request.steps} steps",
            field=name,
        )
    if request.sampler in TWICE_A_STEP:
        others = ", ".join(TWICE_A_STEP)
        raise BadRequest(
            f"{field}: not allowed with sampler {request.sampler!r}; any but {others} will do", field=name
        )
    if isinstance(request, ImageRequest) and request.hires:
        raise BadRequest(f"{field}: not allowed together with hires: true", field=name)
    if model.high_noise_diffusion_model:
        raise BadRequest(f"{field}: not allowed on a model with a high_noise_diffusion_model", field=name)
