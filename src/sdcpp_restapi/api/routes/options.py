"""What can be chosen: samplers, schedulers, quantisation types, architectures."""

from functools import lru_cache

from fastapi import APIRouter, Response

from ...engine.binding import names
from ...models import architectures
from ...schemas.options import Architectures, Options, QuantizationType
from ...schemas.placement import MODULES, VAE_FORMATS
from ..app_state import State
from ..response_cache import ReadyAnswer

router = APIRouter(tags=["Options"])


@router.get("/options", response_model=Options)
async def options(state: State) -> Response:
    """The lists of the engine at hand; before it came up, those of the default revision."""

    def write() -> bytes:
        return _write_options(state.engine.names, state.engine.revision)

    return ReadyAnswer(write(), write)


@lru_cache(maxsize=4)
def _write_options(known: names.EngineNames, revision: str | None) -> bytes:
    shown = Options(
        samplers=list(known.samplers),
        schedulers=list(known.schedulers),
        quantization_types=[
            QuantizationType(id=key, name=name, bits=bits)
            for key, (name, bits) in names.QUANTIZATION_TYPES.items()
        ],
        rng_types=list(known.rng_types),
        predictions=list(known.predictions),
        lora_apply_modes=list(known.lora_apply_modes),
        vae_formats=list(VAE_FORMATS),
        placement_modules=list(MODULES),
        preview_modes=list(known.preview_modes),
        engine=revision,
    )
    return shown.model_dump_json().encode()


@router.get("/architectures")
async def all_architectures(state: State) -> Architectures:
    """Presets of every architecture that the engine knows, and which one is loaded."""
    current = state.model.architecture()
    return Architectures(
        architectures=architectures.list_presets(state.settings.generation.presets),
        current_architecture=current.key if current else None,
        current_preset=current.preset if current else None,
    )
