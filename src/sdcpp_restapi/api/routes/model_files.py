"""Model files: renamed, moved, described, deleted, brought back; files that are there twice."""

from fastapi import APIRouter

from ...models.duplicates import find_duplicates
from ...schemas.model_housekeeping import (
    ChangedModel,
    DuplicateList,
    ModelChange,
    ModelDeleted,
    ModelPicture,
    ModelsPurged,
    ModelsRestored,
    ModelTrashList,
    ModelTrashRequest,
)
from ...schemas.model_types import ModelType
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(prefix="/models", tags=["Models"], responses={**ERRORS, 409: ERRORS[400]})


@router.get("/duplicates")
async def duplicates(state: State) -> DuplicateList:
    """Files with the same content, by the hashes that are known; those that waste most first."""
    return await find_duplicates(state.catalog)


@router.get("/trash")
async def trash(state: State) -> ModelTrashList:
    """Models that were deleted and can come back."""
    return await state.model_deletion.list_trash()


@router.post("/trash/restore")
async def restore(body: ModelTrashRequest, state: State) -> ModelsRestored:
    """Bring models back from the trash, with their sidecars, hashes, notes and tags."""
    return await state.model_deletion.restore(body)


@router.delete("/trash")
async def purge(body: ModelTrashRequest, state: State) -> ModelsPurged:
    """Delete models in the trash for good."""
    return await state.model_deletion.purge(body)


@router.put("/{model_type}/{model_name:path}/picture")
async def set_picture(
    model_type: ModelType, model_name: str, body: ModelPicture, state: State
) -> ChangedModel:
    """Show a picture beside a model: one that is sent, or one that a job made. It becomes a PNG."""
    return await state.model_changes.set_picture(model_type, model_name, body)


@router.patch("/{model_type}/{model_name:path}")
async def change(model_type: ModelType, model_name: str, body: ModelChange, state: State) -> ChangedModel:
    """Rename or move a model, or write notes and tags; sidecars, hash and notes go with it.

    A model that is loaded, or that a waiting or running job needs, is not renamed (409) without `force`.
    """
    return await state.model_changes.change(model_type, model_name, body)


@router.delete("/{model_type}/{model_name:path}")
async def delete(
    model_type: ModelType, model_name: str, state: State, purge: bool = False, force: bool = False
) -> ModelDeleted:
    """Put a model into the trash, with what lies beside it; with `purge`, delete it for good.

    It stays there for `retention.trash_days`. A model that is loaded, or that a waiting or running job needs,
    is not deleted (409) unless `force` is set.
    """
    return await state.model_deletion.delete(model_type, model_name, purge, force)
