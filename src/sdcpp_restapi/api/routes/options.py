"""What can be chosen: samplers, schedulers, quantisation types, architectures."""

from fastapi import APIRouter

from ...engine.binding import names
from ...models import architectures
from ...schemas.options import Architectures, Options, QuantizationType
from ..app_state import State

router = APIRouter(tags=["Options"])


@router.get("/options")
async def options() -> Options:
    """The engine's own lists."""
    return Options(
        samplers=list(names.SAMPLERS),
        schedulers=list(names.SCHEDULERS),
        quantization_types=[
            QuantizationType(id=key, name=name, bits=bits)
            for key, (name, bits) in names.QUANTIZATION_TYPES.items()
        ],
        rng_types=list(names.RNG_TYPES),
        predictions=list(names.PREDICTIONS),
        lora_apply_modes=list(names.LORA_APPLY_MODES),
        preview_modes=list(names.PREVIEW_MODES),
    )


@router.get("/architectures")
async def all_architectures(state: State) -> Architectures:
    """Presets of every architecture that the engine knows, and which one is loaded."""
    current = state.model.architecture()
    return Architectures(
        architectures=architectures.list_presets(state.settings.generation.presets),
        current_architecture=current.key if current else None,
        current_preset=current.preset if current else None,
    )
