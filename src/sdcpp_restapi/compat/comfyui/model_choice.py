"""Which model a job is stamped with, from the loaders of a graph."""

from ...api.app_state import AppState
from ...errors import BadRequest
from ...schemas.inspection import Kind
from ...schemas.model_types import Component, ModelType
from ...schemas.models import LoadRequest
from .graph_request import WantedModel

# Types of files that text encoders have, and what one is whose header does not tell.
_TEXT_ENCODERS: dict[ModelType, Component] = {"clip": "clip_l", "t5": "t5xxl", "llm": "llm"}
_KINDS: dict[Kind, Component] = {"clip_l": "clip_l", "clip_g": "clip_g", "t5xxl": "t5xxl", "llm": "llm"}


async def choose_model(state: AppState, wanted: WantedModel) -> str | LoadRequest:
    """The field `model` of a request. With files of its own named, it keeps the other options of the current
    load if that is of the same file. Raises BadRequest."""
    components = await _find_components(state, wanted)
    if not components and await state.library.types_of(wanted.name) == [wanted.kind]:
        return wanted.name
    if state.model.identity() == (wanted.name, wanted.kind):
        current = state.model.require()
        if all(getattr(current, part) == name for part, name in components.items()):
            return current
        return current.model_copy(update=components)
    main = {"model_name": wanted.name, "model_type": wanted.kind}
    return LoadRequest.model_validate({**main, **components})


async def _find_components(state: AppState, wanted: WantedModel) -> dict[str, str | None]:
    components: dict[str, str | None] = {}
    for name in wanted.text_encoders:
        component = await _find_text_encoder(state, name)
        if component in components:
            raise BadRequest(f"{name} and {components[component]} are both a {component}")
        components[component] = name
    if wanted.vae is not None:
        # A TAESD would decode in place of a VAE that is loaded beside it.
        tiny = await state.library.has("taesd", wanted.vae)
        components |= {"taesd": wanted.vae} if tiny else {"vae": wanted.vae, "taesd": None}
    return components


async def _find_text_encoder(state: AppState, name: str) -> Component:
    for kind, usual in _TEXT_ENCODERS.items():
        if await state.library.has(kind, name):
            facts = await state.inspector.inspect(kind, name)
            found = [_KINDS[network.kind] for network in facts.contains if network.kind in _KINDS]
            return found[0] if found else usual
    raise BadRequest(f"There is no text encoder {name!r}")
