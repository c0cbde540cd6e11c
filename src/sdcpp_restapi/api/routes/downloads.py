"""Downloads of models, what sources tell of them, and hashes of files."""

from functools import partial

from fastapi import APIRouter, Response

from ...downloads.sources.civitai import Civitai
from ...downloads.sources.huggingface import HuggingFace
from ...errors import BadRequest
from ...schemas.addresses import hide_secrets
from ...schemas.downloads import CivitaiModel, DownloadAccepted, DownloadRequest, HuggingFaceFile, ModelHash
from ...schemas.model_types import ModelType
from ..app_state import State
from ..error_handlers import ERRORS
from ..submitting import REUSED, Once

router = APIRouter(prefix="/models", tags=["Models"], responses=ERRORS)


@router.get("/hash/{model_type}/{model_name:path}")
async def hash_of_model(model_type: ModelType, model_name: str, state: State) -> ModelHash:
    """The SHA-256 of a model file; computed once, then remembered for as long as the file stays the same."""
    made = await state.hasher.sha256(model_type, model_name)
    assert made.sha256 is not None
    return ModelHash(model_name=model_name, model_type=model_type, hash=made.sha256)


@router.post("/download", status_code=202, response_model=DownloadAccepted, responses=REUSED)
async def download(body: DownloadRequest, state: State, jobs: Once) -> Response:
    """Download a model from an address, CivitAI or Hugging Face; its hash is computed afterwards."""
    return await jobs.submit(partial(state.downloads.submit, body))


@router.get("/civitai/{model_id}")
async def civitai(model_id: str, state: State) -> CivitaiModel:
    """What CivitAI tells of a model: `123456`, or `123456:789012` for one of its versions."""
    found = await state.sources.get(Civitai).look_up(model_id)
    return found.model_copy(update={"download_url": hide_secrets(found.download_url)})


@router.get("/huggingface")
async def huggingface(
    state: State, repo_id: str, filename: str, revision: str | None = None
) -> HuggingFaceFile:
    """What Hugging Face tells of a file in a repository."""
    if not (repo_id and filename):
        raise BadRequest("repo_id and filename are required")
    found = await state.sources.get(HuggingFace).look_up(repo_id, filename, revision or "main")
    return found.model_copy(update={"download_url": hide_secrets(found.download_url)})
