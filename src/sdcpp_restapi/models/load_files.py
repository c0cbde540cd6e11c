"""The names of a load request, turned into files."""

from collections.abc import Mapping
from pathlib import Path

from ..errors import BadRequest, ModelNotFound
from ..schemas.base import Component
from ..schemas.models import LoadRequest, ModelFiles, ModelType
from .catalog_snapshot import Inventory

# Where each component is looked for, in this order.
FOLDERS_OF: Mapping[Component, tuple[ModelType, ...]] = {
    "vae": ("vae",),
    "clip_l": ("clip",),
    "clip_g": ("clip",),
    "clip_vision": ("clip",),
    "t5xxl": ("t5",),
    "controlnet": ("controlnet",),
    "llm": ("llm",),
    "llm_vision": ("llm",),
    "taesd": ("taesd",),
    "high_noise_diffusion_model": ("diffusion",),
    "photo_maker": ("photomaker", "checkpoint"),
}


def files_of(inventory: Inventory, request: LoadRequest) -> ModelFiles:
    """Every file that `request` names.

    Raises ModelNotFound if the main model is missing, BadRequest if only components are; either tells all
    problems at once.
    """
    components, problems = _components(inventory, request)
    main = inventory.path(request.model_type, request.model_name)
    if main is None:
        missing = f"Model not found: {request.model_name}{_main_hint(inventory, request)}"
        raise ModelNotFound("; ".join([missing, *problems]))
    if problems:
        raise BadRequest("; ".join(problems))
    return ModelFiles(
        main=str(main),
        model_type=request.model_type,
        components=components,
        embeddings=inventory.embeddings(),
    )


def component_path(inventory: Inventory, component: Component, name: str) -> Path | None:
    """The file of a component, in the first of its folders that has it."""
    paths = (inventory.path(kind, name) for kind in FOLDERS_OF[component])
    return next((path for path in paths if path), None)


def _components(inventory: Inventory, request: LoadRequest) -> tuple[dict[Component, str], list[str]]:
    found: dict[Component, str] = {}
    problems: list[str] = []
    for component, name in request.components().items():
        path = component_path(inventory, component, name)
        if path:
            found[component] = str(path)
        else:
            problems.append(_missing(inventory, component, name))
    return found, problems


def _missing(inventory: Inventory, component: Component, name: str) -> str:
    looked = (
        f"{kind} ({inventory.folders[kind]})" for kind in FOLDERS_OF[component] if kind in inventory.folders
    )
    elsewhere = inventory.kinds_of(name)
    hint = f", but it is in {', '.join(elsewhere)}" if elsewhere else ""
    return f"{component}: '{name}' was not found in {' or '.join(looked)}{hint}"


def _main_hint(inventory: Inventory, request: LoadRequest) -> str:
    other: ModelType = "checkpoint" if request.model_type == "diffusion" else "diffusion"
    if inventory.path(other, request.model_name) is None:
        return ""
    return f" (it is in {other}: use model_type '{other}')"
