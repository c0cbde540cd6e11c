"""Which model files a job needs, wherever it runs."""

from ..schemas.conversion import ConvertRequest
from ..schemas.generation import GenerationRequest, ImageRequest
from ..schemas.jobs import Params
from ..schemas.models import LoadRequest
from ..schemas.required_files import Need, RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from . import loras
from .load_files import FOLDERS_OF


def required_files_of(
    params: Params | GenerationRequest | None, model: LoadRequest | None, upscaler: UpscalerRequest | None
) -> RequiredFiles:
    """The files by name, and whether others are named by their paths on this machine."""
    files = [*_of_model(model)] if model else []
    if upscaler is not None:
        files.append(Need(kinds=("esrgan",), name=upscaler.model_name))
    if isinstance(params, GenerationRequest):
        uses = [*loras.strip(params.prompt)[1], *params.loras]
        files += [Need(kinds=("lora",), name=name) for name in dict.fromkeys(use.name for use in uses)]
    return RequiredFiles(files=tuple(files), here=_names_paths(params))


def _of_model(model: LoadRequest) -> list[Need]:
    parts = [Need(kinds=FOLDERS_OF[part], name=name) for part, name in model.components().items()]
    return [Need(kinds=(model.model_type,), name=model.model_name), *parts]


def _names_paths(params: Params | GenerationRequest | None) -> bool:
    if isinstance(params, ConvertRequest):
        return True
    return isinstance(params, ImageRequest) and bool(
        params.pm_id_embed_path or (params.hires and params.hires_model)
    )
