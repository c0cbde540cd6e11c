"""Which model a new job is stamped with: the one that its request names, or else the current one."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import BadRequest, ModelNotFound
from ..models import architectures
from ..models.library import ModelLibrary
from ..schemas.cluster import Completed
from ..schemas.model_types import MainType
from ..schemas.models import LoadRequest
from ..schemas.options import Architecture, GenerationDefaults
from .current_model import CurrentModel
from .past_loads import PastLoads


class SelectedModel(NamedTuple):
    """A model, and what is known of its architecture before it is loaded.

    `warnings` tell which components were picked for it.
    """

    request: LoadRequest
    architecture: Architecture | None
    warnings: Sequence[str] = ()


class ModelSelection:
    """Turns the field `model` of a generation request into what its job is stamped with."""

    def __init__(
        self,
        *,
        current: CurrentModel,
        library: ModelLibrary,
        past_loads: PastLoads,
        presets: Mapping[str, GenerationDefaults],
    ) -> None:
        """`presets` is the setting generation.presets."""
        self._current = current
        self._library = library
        self._past_loads = past_loads
        self._presets = presets

    async def select(self, wanted: str | LoadRequest | None) -> SelectedModel:
        """The model to stamp a job with; every file of it is on disk.

        Raises NoModelLoaded when nothing is wanted and nothing is loaded, BadRequest for what is wanted.
        """
        if wanted is None:
            return SelectedModel(self._current.require(), self._current.architecture())
        try:
            completed = await (
                self._complete_name(wanted) if isinstance(wanted, str) else self._library.complete(wanted)
            )
        except (BadRequest, ModelNotFound) as error:
            raise BadRequest(f"model: {error}") from error
        warnings = [f"model.{warning}" for warning in completed.warnings]
        return SelectedModel(completed.request, await self._architecture(completed), warnings)

    async def _complete_name(self, name: str) -> Completed:
        kind = await self._kind_of(name)
        past = await self._past_loads.last(kind, name)
        if past is not None:
            return await self._library.complete(past.request, whole=True)
        return await self._library.complete(LoadRequest(model_name=name, model_type=kind))

    async def _kind_of(self, name: str) -> MainType:
        kinds = await self._library.types_of(name)
        if not kinds:
            raise BadRequest(f"'{name}' was not found in {self._library.describe_places()}")
        if len(kinds) > 1:
            raise BadRequest(
                f"'{name}' is in {' and '.join(kinds)};"
                f' say which: {{"model_name": "{name}", "model_type": "{kinds[0]}"}}'
            )
        return kinds[0]

    async def _architecture(self, model: Completed) -> Architecture | None:
        """By the file's header, or as the engine found it, where the header does not tell."""
        name = model.architecture
        if name is None:
            past = await self._past_loads.last(model.request.model_type, model.request.model_name)
            name = past.architecture if past else None
        return architectures.describe(name, self._presets) if name else None
