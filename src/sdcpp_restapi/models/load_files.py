"""The files of a load request, found on disk."""

from ..errors import BadRequest, ModelNotFound
from ..schemas.model_types import Component, ModelType
from ..schemas.models import LoadRequest, ModelFiles
from .catalog_snapshot import CatalogSnapshot
from .required_files import NamedFile, files_of


def find_files(snapshot: CatalogSnapshot, request: LoadRequest) -> ModelFiles:
    """Every file that `request` names, and all embeddings.

    Raises ModelNotFound if the main model is missing, BadRequest if only components are; either names all
    missing files.
    """
    main, *components = files_of(request)
    found: dict[Component, str] = {}
    problems: list[str] = []
    for component, file in zip(request.components(), components, strict=True):
        path = snapshot.first_path(file.types, file.name)
        if path:
            found[component] = str(path)
        else:
            problems.append(_describe_missing(snapshot, file))
    main_path = snapshot.first_path(main.types, main.name)
    if main_path is None:
        missing = f"Model not found: {main.name}{_hint_at_other_type(snapshot, request)}"
        raise ModelNotFound("; ".join([missing, *problems]))
    if problems:
        raise BadRequest("; ".join(problems))
    return ModelFiles(
        main=str(main_path),
        model_type=request.model_type,
        components=found,
        embeddings=snapshot.embeddings(),
    )


def _describe_missing(snapshot: CatalogSnapshot, file: NamedFile) -> str:
    searched = (f"{kind} ({snapshot.folders[kind]})" for kind in file.types if kind in snapshot.folders)
    elsewhere = snapshot.types_of(file.name)
    hint = f", but it is in {', '.join(elsewhere)}" if elsewhere else ""
    return f"{file.role}: '{file.name}' was not found in {' or '.join(searched)}{hint}"


def _hint_at_other_type(snapshot: CatalogSnapshot, request: LoadRequest) -> str:
    other: ModelType = "checkpoint" if request.model_type == "diffusion" else "diffusion"
    if snapshot.path(other, request.model_name) is None:
        return ""
    return f" (it is in {other}: use model_type '{other}')"
