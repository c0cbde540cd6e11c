"""To which type's folder a file belongs, by the networks in it."""

from collections.abc import Mapping

from ...schemas.inspection import Kind, ModelFacts
from ...schemas.model_types import ModelType

_TEXT_ENCODERS = ("clip_l", "clip_g", "t5xxl", "llm")
# The type of a file that holds this network and no diffusion model.
_TYPES: Mapping[Kind, ModelType] = {
    "lora": "lora",
    "controlnet": "controlnet",
    "esrgan": "esrgan",
    "embedding": "embedding",
    "taesd": "taesd",
    "vae": "vae",
    "t5xxl": "t5",
    "llm": "llm",
    "llm_vision": "llm",
    "clip_l": "clip",
    "clip_g": "clip",
    "clip_vision": "clip",
}


def find_type(facts: ModelFacts) -> ModelType | None:
    """The type by what a header shows; None where it shows nothing that is known.

    A checkpoint has text encoders or a VAE beside its diffusion model.
    """
    kinds = {network.kind for network in facts.contains}
    if "diffusion" in kinds:
        return "checkpoint" if kinds & {"vae", "taesd", *_TEXT_ENCODERS} else "diffusion"
    return next((type for kind, type in _TYPES.items() if kind in kinds), None)
