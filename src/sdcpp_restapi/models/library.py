"""The models of this machine and of all workers as one library."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..errors import BadRequest, LoraNotFound, ModelNotFound, SdcppError, UpscalerNotFound
from ..schemas.cluster import Completed, InventoryFile, InventoryReport
from ..schemas.generation import GenerationRequest
from ..schemas.inspection import Inspection, Network
from ..schemas.jobs import Params
from ..schemas.model_types import MAIN_TYPES, MODEL_TYPES, TYPE_NAMES, MainType, ModelType
from ..schemas.models import LoadRequest, ModelEntry, ModelFiles, ModelList
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from .catalog import Catalog
from .component_resolver import ComponentResolver
from .embeddings import Embeddings
from .file_check import FileCheck
from .filters import ModelFilters
from .header_cache import HeaderCache, read_header
from .lora_check import LoraCheck
from .model_inventory import ModelInventory, find_conflicts
from .required_files import required_files_of
from .scaled_fp8 import find_obstacle
from .type_rule_check import warn_of_idle_rules_of_load

# What this machine is called among the others.
LOCAL = "server"

NOBODY = "this server has no engine of its own (engine.devices), and no worker is there"


class Machine(Protocol):
    """Another machine with models: a worker."""

    @property
    def name(self) -> str: ...
    @property
    def inventory(self) -> ModelInventory: ...
    async def complete(self, request: LoadRequest, whole: bool) -> Completed: ...
    async def inspect(self, kind: ModelType, name: str) -> Inspection: ...


class RemoteModels(Protocol):
    """The workers with models that can be asked at the moment."""

    @property
    def revision(self) -> int:
        """Rises whenever what they have changes."""
        ...

    def machines(self) -> Sequence[Machine]: ...


class ModelLibrary:
    """Models of this machine and of all workers. What this machine has is answered from its own files."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        resolver: ComponentResolver,
        headers: HeaderCache,
        lora_check: LoraCheck,
        embeddings: Embeddings,
        remote: RemoteModels,
        engine_here: bool,
    ) -> None:
        """`engine_here`: whether this machine runs jobs at all."""
        self._catalog = catalog
        self._resolver = resolver
        self._headers = headers
        self._file_check = FileCheck(headers)
        self._lora_check = lora_check
        self._embeddings = embeddings
        self._remote = remote
        self._engine_here = engine_here
        self._inventory: ModelInventory | None = None

    @property
    def revision(self) -> int:
        """Rises whenever the listing changes."""
        return self._catalog.revision + self._remote.revision

    async def types_of(self, name: str) -> list[MainType]:
        """The types of main models that have this name."""
        here = [kind for kind in MAIN_TYPES if self._engine_here and await self._catalog.find(kind, name)]
        there = [kind for kind in MAIN_TYPES if self._machines_with(kind, name)]
        return list(dict.fromkeys([*here, *there]))

    def describe_places(self) -> str:
        """Where main models are looked for, in words."""
        here = [f"{kind} ({self._catalog.folders[kind]})" for kind in MAIN_TYPES] if self._engine_here else []
        places = [*here, *(f"on worker {one.name}" for one in self._remote.machines())]
        return " or ".join(places) or f"any place: {NOBODY}"

    async def has_all(self, needs: RequiredFiles) -> bool:
        """Whether this machine has all files of a job; true without workers, since no other machine could."""
        if not self._remote.machines():
            return True  # running it reports what is missing
        return not (await self._local_inventory()).list_missing(needs)

    async def has(self, kind: ModelType, name: str) -> bool:
        """Whether any machine that runs jobs has this file."""
        here = self._engine_here and await self._catalog.find(kind, name) is not None
        return here or bool(self._machines_with(kind, name))

    async def find_load_files(self, request: LoadRequest) -> tuple[ModelFiles, list[str]]:
        """The files of this machine that a load is to read, and sentences on those that it had better not.

        Raises ModelNotFound; BadRequest for files that are missing or can't be used. An embedding that can't
        be used is left out: no request names it.
        """
        files = await self._catalog.resolve(request)
        components = {str(component): Path(path) for component, path in files.components.items()}
        await self._file_check.check_for_load({"model_name": Path(files.main), **components})
        embeddings = {f"embedding {word}": Path(path) for word, path in files.embeddings.items()}
        problems = await self._file_check.find_problems(embeddings)
        usable = {
            word: path for word, path in files.embeddings.items() if f"embedding {word}" not in problems
        }
        files = files.model_copy(update={"embeddings": usable})
        return await self._embeddings.prepare(files), list(problems.values())

    async def find_upscaler(self, name: str) -> Path:
        """The file of an upscaler here. Raises UpscalerNotFound, BadRequest if it can't be used."""
        path = await self._catalog.find("esrgan", name)
        if path is None:
            raise UpscalerNotFound(f"Model not found: {name}")
        await self.check_files({"model_name": path})
        return path

    async def check_upscaler(self, name: str) -> None:
        """Raises UpscalerNotFound if no machine with an engine has it, BadRequest if it can't be used."""
        if self._machines_with("esrgan", name):
            return  # whether it can be used there is told there
        if not self._engine_here:
            raise UpscalerNotFound(f"Model not found: {name}")
        await self.find_upscaler(name)

    async def check_files(self, files: Mapping[str, Path]) -> None:
        """Raises BadRequest that names, by its field, every file of this machine that can't be used."""
        await self._file_check.check(files)

    async def complete(self, request: LoadRequest, whole: bool = False) -> Completed:
        """The request with all that the model needs; every file of it is on one machine at least.

        `whole`: it lacks no component. Raises ModelNotFound and BadRequest.
        """
        machines = self._machines_with_main(request)
        if not machines or (self._engine_here and await self._has_main_locally(request)):
            try:
                return await self._complete_locally(request, whole)
            except (BadRequest, ModelNotFound) as error:
                return await self._complete_remotely(machines, request, whole, error)
        return await self._complete_remotely(machines, request, whole, None)

    async def check_loras(self, params: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about LoRAs that do not go with the model. Raises BadRequest for missing ones."""
        needs = required_files_of(params, model, None)
        try:
            return await self._lora_check.check(params, model)
        except LoraNotFound:
            if any(machine.inventory.meets(needs) for machine in self._remote.machines()):
                return []
            raise

    async def check_embeddings(self, params: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about embeddings that the prompts name and that have no effect on the model."""
        return await self._embeddings.check(params, model) if self._engine_here else []

    async def check_scales(self, files: Mapping[str, Path]) -> None:
        """Raise BadRequest for scaled FP8 whose scales a conversion can't apply; it names the field."""
        for field, path in files.items():
            header = await asyncio.to_thread(read_header, path)
            obstacle = find_obstacle(header.tensors) if header else None
            if obstacle:
                raise BadRequest(
                    f"{field}: the scales of {path.name} can't be applied: {obstacle}", field=field
                )

    async def find_network(self, model: LoadRequest) -> Network | None:
        """The diffusion model as its header shows it; None if it tells nothing or is elsewhere."""
        path = await self._catalog.find(model.model_type, model.model_name)
        return (await self._headers.get(path)).network("diffusion") if path else None

    async def find_required(
        self, params: Params | None, model: LoadRequest | None, upscaler: UpscalerRequest | None
    ) -> RequiredFiles:
        """The files of a job.

        Raises BadRequest if no machine has all of them, or two machines have different files of one name.
        """
        needs = required_files_of(params, model, upscaler)
        machines = self._remote.machines()
        inventories = [(machine.name, machine.inventory) for machine in machines]
        if self._engine_here:
            inventories = [(LOCAL, await self._local_inventory()), *inventories] if machines else inventories
            differing = find_conflicts(inventories, needs)
            if differing:
                raise BadRequest("; ".join(differing))
            return needs
        if needs.here:
            raise BadRequest(
                "This server has no engine of its own (engine.devices), and what was asked for names files"
                " or journals of this machine: only an engine here could do it"
            )
        differing = find_conflicts(inventories, needs)
        if differing:
            raise BadRequest("; ".join(differing))
        if needs.files and not any(inventory.meets(needs) for _, inventory in inventories):
            raise BadRequest(_describe_lacking(inventories, needs))
        return needs

    async def list_inventories(self) -> list[ModelInventory]:
        """The files of all machines, this one first."""
        return [await self._local_inventory(), *(machine.inventory for machine in self._remote.machines())]

    async def report_inventory(self) -> InventoryReport:
        """All model files of this machine."""
        entries = (await self._catalog.take_snapshot()).entries
        models = [
            InventoryFile(type=kind, name=entry.name, size_bytes=entry.size_bytes, hash=entry.hash)
            for kind in TYPE_NAMES
            for entry in entries[kind]
        ]
        return InventoryReport(catalog=self._catalog.revision, models=models)

    async def list_models(self, filters: ModelFilters, current: tuple[str, str] | None) -> ModelList:
        """The body of GET /models: with workers, each entry lists the machines that have it."""
        listing = await self._catalog.list_models(filters, current)
        machines = self._remote.machines()
        if not machines:
            return listing
        merged = {
            MODEL_TYPES[kind].plural: self._merge(
                kind, getattr(listing, MODEL_TYPES[kind].plural), filters, current
            )
            for kind in TYPE_NAMES
            if filters.type in (None, kind)
        }
        return listing.model_copy(update=merged)

    # ------------------------------------------------------------ inside

    async def _local_inventory(self) -> ModelInventory:
        await self._catalog.take_snapshot()
        if self._inventory is None or self._inventory.revision != self._catalog.revision:
            self._inventory = ModelInventory(await self.report_inventory())
        return self._inventory

    def _merge(
        self, kind: ModelType, here: list[ModelEntry], filters: ModelFilters, current: tuple[str, str] | None
    ) -> list[ModelEntry]:
        owners: dict[str, list[str]] = {entry.name: [LOCAL] for entry in here}
        entries = {entry.name: entry for entry in here}
        for machine in self._remote.machines():
            held = [m for (other, _), m in machine.inventory.models.items() if other == kind]
            for entry in filters.keep([_make_entry(model, current) for model in held]):
                entries.setdefault(entry.name, entry)
                owners.setdefault(entry.name, []).append(machine.name)
        return [entries[name].model_copy(update={"on": owners[name]}) for name in sorted(entries)]

    def _machines_with(self, kind: ModelType, name: str) -> list[Machine]:
        return [machine for machine in self._remote.machines() if machine.inventory.has(kind, name)]

    def _machines_with_main(self, request: LoadRequest) -> list[Machine]:
        kinds = [request.model_type] if "model_type" in request.model_fields_set else list(MAIN_TYPES)
        return [
            machine
            for machine in self._remote.machines()
            if any(machine.inventory.has(kind, request.model_name) for kind in kinds)
        ]

    async def _has_main_locally(self, request: LoadRequest) -> bool:
        kinds = [request.model_type] if "model_type" in request.model_fields_set else list(MAIN_TYPES)
        return any([await self._catalog.find(kind, request.model_name) for kind in kinds])

    async def _complete_locally(self, request: LoadRequest, whole: bool) -> Completed:
        warnings: list[str] = []
        if not whole:
            request, warnings = await self._resolver.resolve(request)
        files, _ = await self.find_load_files(request)
        rules = request.options.tensor_type_rules
        warnings += await asyncio.to_thread(warn_of_idle_rules_of_load, rules, files)
        if not self._engine_here:
            raise ModelNotFound(
                f"Model not found: {request.model_name} is on this server, which has no"
                " engine of its own, and on no worker"
            )
        path = await self._catalog.find(request.model_type, request.model_name)
        architecture = (await self._headers.get(path)).architecture if path else None
        return Completed(request=request, architecture=architecture, warnings=warnings)

    async def _complete_remotely(
        self, machines: Sequence[Machine], request: LoadRequest, whole: bool, error: SdcppError | None
    ) -> Completed:
        """The answer of the first machine that can; else raises `error`, or the first machine's error."""
        for machine in machines:
            try:
                return await machine.complete(request, whole)
            except SdcppError as failure:
                error = error or failure
        assert error is not None
        raise error


def _make_entry(model: InventoryFile, current: tuple[str, str] | None) -> ModelEntry:
    suffix = model.name[model.name.rfind(".") :].lower() if "." in model.name else ""
    return ModelEntry(
        name=model.name,
        type=model.type,
        file_extension=suffix,
        size_bytes=model.size_bytes,
        hash=model.hash,
        is_loaded=(model.name, model.type) == current if model.type in MAIN_TYPES else None,
    )


def _describe_lacking(inventories: Sequence[tuple[str, ModelInventory]], needs: RequiredFiles) -> str:
    if not inventories:
        return NOBODY
    lacking = (f"{name} lacks {', '.join(inventory.list_missing(needs))}" for name, inventory in inventories)
    return f"No worker has everything that this needs: {'; '.join(lacking)}"
