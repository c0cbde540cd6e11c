"""The model files that a request names, and which of them a machine must have to run a job."""

from collections.abc import Iterator
from typing import NamedTuple

from ..schemas.base import Request
from ..schemas.conversion import ConvertRequest
from ..schemas.engine_names import ANY, SAME, list_able
from ..schemas.generation import GenerationRequest, ImageRequest, LoraUse
from ..schemas.jobs import Params
from ..schemas.model_types import COMPONENTS, ModelType
from ..schemas.models import LoadRequest
from ..schemas.plan import Role
from ..schemas.required_files import RequiredFile, RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from .lora_tags import uses_of


class NamedFile(NamedTuple):
    """A model file as a request names it; `types` are those whose folders are searched for it, in order."""

    role: Role
    types: tuple[ModelType, ...]
    name: str
    lora: LoraUse | None = None
    """For a LoRA: the use that names it. A file may be used several times."""


def files_of(
    model: LoadRequest | None, upscaler: UpscalerRequest | None = None, params: object = None
) -> Iterator[NamedFile]:
    """Main model, components, upscaler, then the LoRAs of `params` if it is a generation request.

    Embeddings are not among them: no request names them, all files of their folder are given to the engine.
    """
    if model is not None:
        yield NamedFile("model", (model.model_type,), model.model_name)
        for component, name in model.components().items():
            yield NamedFile(component, COMPONENTS[component].types, name)
    if upscaler is not None:
        yield NamedFile("upscaler", ("esrgan",), upscaler.model_name)
    if isinstance(params, GenerationRequest):
        for use in uses_of(params):
            yield NamedFile("lora", ("lora",), use.name, use)


def required_files_of(
    params: Params | GenerationRequest | None, model: LoadRequest | None, upscaler: UpscalerRequest | None
) -> RequiredFiles:
    """The files by name, each once, and whether others are named by their paths on this machine."""
    files = (RequiredFile(kinds=file.types, name=file.name) for file in files_of(model, upscaler, params))
    return RequiredFiles(
        files=tuple(dict.fromkeys(files)),
        here=_names_paths(params),
        engines=tuple(_list_engines(params, model)),
    )


def _list_engines(params: object, model: LoadRequest | None) -> Iterator[str]:
    """The revision that was asked for, or those that know all names of the job where not every one does."""
    wanted = params.engine if isinstance(params, GenerationRequest) else None
    if wanted not in (None, ANY, SAME):
        yield wanted
        return
    yield from list_able(*(one for one in (params, model) if isinstance(one, Request)))


def _names_paths(params: Params | GenerationRequest | None) -> bool:
    if isinstance(params, ConvertRequest):
        return True
    if isinstance(params, GenerationRequest) and (params.keep_journal or params.from_job):
        return True  # journals stay where they are written
    return isinstance(params, ImageRequest) and bool(
        params.pm_id_embed_path
        or params.pulid_id_embed_path
        or params.adetail
        or (params.hires and params.hires_model)
    )
