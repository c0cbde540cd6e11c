"""The catalog of models, and which one is loaded."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from ...models.filters import ModelFilters
from ...schemas.inspection import Inspection
from ...schemas.model_types import MODEL_TYPES, ModelType
from ...schemas.models import (
    DetailedModelList,
    Done,
    LoadRequest,
    LoadResponse,
    ModelList,
    ModelPaths,
    Refreshed,
)
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS
from ..response_cache import json_response

router = APIRouter(prefix="/models", tags=["Models"], responses=ERRORS)


@router.get("", response_model=ModelList | DetailedModelList)
async def models(
    state: State,
    type: str | None = None,
    extension: str | None = None,
    search: str | None = None,
    name: str | None = None,
    tag: str | None = None,
    details: bool = False,
) -> Response:
    """All models by type; `name` is another word for `search`.

    With `details=true` each tells its architecture, quantization, parameters, title, trigger words, base
    model, notes, tags and thumbnail, and `search` looks into those texts too. The first such request reads
    the headers of all files that it lists. `tag` lists what has this tag, with details.
    """
    filters = ModelFilters.parse(type, extension, search, name, tag)
    if details or filters.tag:
        shown = await state.details.list_models(filters, state.model.identity())
        return json_response(shown.model_dump_json())
    await state.catalog.take_snapshot()
    current = state.model.identity()
    return await state.responses.answer(
        lambda: ("models", filters, state.model.identity()),
        lambda: state.library.revision,
        lambda: state.library.list_models(filters, current),
        is_fresh=lambda: state.catalog.is_fresh,
    )


@router.get("/paths")
async def paths(state: State) -> ModelPaths:
    """The folder of each model type."""
    return ModelPaths.model_validate(
        {MODEL_TYPES[kind].path_key: str(folder) for kind, folder in state.catalog.folders.items()}
    )


@router.get("/inspect/{model_type}/{model_name:path}", responses={404: ERRORS[400]})
async def inspect(model_type: ModelType, model_name: str, state: State) -> Inspection:
    """What a file's header tells: architecture, parts, what it still needs, and what fits on disk.

    Nothing is loaded. A file that cannot be read is told in `problem`; .ckpt, .pt, .pth and .bin are not
    opened up, since reading them can run code.
    """
    return await state.inspector.inspect(model_type, model_name)


@router.post("/refresh", response_model=Refreshed)
async def refresh(state: State) -> Response:
    """Read all model folders again now; `models` is what GET /models answers then."""
    await state.catalog.refresh()
    listing = await state.library.list_models(ModelFilters(), state.model.identity())
    return json_response(Refreshed(message="Models refreshed", models=listing).model_dump_json())


@router.post("/load", responses={409: ERRORS[400], 500: ERRORS[400]})
async def load(
    body: Annotated[LoadRequest, Body(openapi_examples=examples.LOAD)], state: State
) -> LoadResponse:
    """Load a model; waits for the running job, answers when the model is in memory.

    Closing the connection does not stop the load. While it waits, another load or an unload takes its place,
    and its answer is 409; while it is being read, another load is refused with 409.
    """
    loaded = await state.model.load(body.known())
    return LoadResponse(
        model_name=loaded.model_name,
        model_type=loaded.model_type,
        model_architecture=loaded.model_architecture,
        loaded_components=loaded.loaded_components,
        warnings=[
            *(f"unknown field {name!r} was ignored" for name in body.unknown_fields()),
            *(loaded.warnings or []),
        ]
        or None,
    )


@router.post("/unload")
async def unload(
    state: State,
    slot: Annotated[
        str | None, Query(description="As GET /health names it; of a worker: WORKER/NUMBER")
    ] = None,
) -> Done:
    """Free the loaded model; waits for the running job, and takes the place of a load that waits for it.

    Nothing loaded is fine too. With `slot` only the memory of that slot is freed, and the current model stays
    what it is: the next job loads it again.
    """
    if slot is None:
        await state.model.unload()
    else:
        await state.model.unload_slot(slot)
    return Done(message="Model unloaded")
