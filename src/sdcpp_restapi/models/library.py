"""The models of all machines as one library: what this machine lacks, a worker may have."""

from collections.abc import Sequence
from typing import Protocol

from ..errors import BadRequest, ModelNotFound, SdcppError
from ..schemas.cluster import Completed, Holding, Holdings
from ..schemas.generation import GenerationRequest
from ..schemas.inspection import Inspection
from ..schemas.jobs import Params
from ..schemas.models import LoadRequest, MainType, ModelEntry, ModelList, ModelType
from ..schemas.required_files import Needs
from ..schemas.upscaling import UpscalerRequest
from .catalog import FIELD_OF, Catalog
from .catalog_snapshot import LOADABLE, TYPES
from .component_resolver import Assembler
from .filters import Filters
from .header_cache import Facts
from .lora_check import LoraCheck
from .model_inventory import Stock, conflicts
from .required_files import needs_of

# What this machine is called among the others.
HERE = "server"

NOBODY = "this server has no engine of its own (engine.devices), and no worker is there"


class Machine(Protocol):
    """Another machine with models."""

    @property
    def name(self) -> str: ...
    @property
    def stock(self) -> Stock: ...
    async def completed(self, request: LoadRequest, whole: bool) -> Completed: ...
    async def inspect(self, kind: ModelType, name: str) -> Inspection: ...


class Elsewhere(Protocol):
    """The other machines."""

    @property
    def revision(self) -> int:
        """Rises whenever what they have changes."""
        ...

    def machines(self) -> Sequence[Machine]: ...


class Everywhere:
    """Answers for this machine where it can, else for the others."""

    def __init__(
        self,
        catalog: Catalog,
        assembler: Assembler,
        facts: Facts,
        lora_check: LoraCheck,
        elsewhere: Elsewhere,
        engine_here: bool,
    ) -> None:
        """`engine_here`: whether this machine runs jobs at all."""
        self._catalog = catalog
        self._assembler = assembler
        self._facts = facts
        self._lora_check = lora_check
        self._elsewhere = elsewhere
        self._engine_here = engine_here
        self._stock: Stock | None = None

    @property
    def revision(self) -> int:
        """Rises whenever the listing changes."""
        return self._catalog.revision + self._elsewhere.revision

    async def kinds_of(self, name: str) -> list[MainType]:
        """The types of main models that have this name."""
        here = [kind for kind in LOADABLE if self._engine_here and await self._catalog.find(kind, name)]
        there = [kind for kind in LOADABLE if self._having(kind, name)]
        return list(dict.fromkeys([*here, *there]))

    def places(self) -> str:
        """Where main models are looked for, in words."""
        here = [f"{kind} ({self._catalog.folders[kind]})" for kind in LOADABLE] if self._engine_here else []
        places = [*here, *(f"on worker {one.name}" for one in self._elsewhere.machines())]
        return " or ".join(places) or f"any place: {NOBODY}"

    async def has_all(self, needs: Needs) -> bool:
        """Whether this machine can run a job with these needs."""
        if not self._elsewhere.machines():
            return True  # nobody else could; running it tells what is missing
        return not (await self._stock_here()).missing(needs)

    async def has(self, kind: ModelType, name: str) -> bool:
        """Whether any machine that runs jobs has this file."""
        here = self._engine_here and await self._catalog.find(kind, name) is not None
        return here or bool(self._having(kind, name))

    async def prepared(self, request: LoadRequest) -> LoadRequest:
        """The request with all that the model needs; every file of it is on one machine at least.

        Raises ModelNotFound and BadRequest.
        """
        return (await self.completed(request)).request

    async def completed(self, request: LoadRequest, whole: bool = False) -> Completed:
        """The same, with what the model is as far as its header tells; `whole`: it names all it needs."""
        machines = self._with_main(request)
        if not machines or (self._engine_here and await self._main_is_here(request)):
            try:
                return await self._completed_here(request, whole)
            except (BadRequest, ModelNotFound) as error:
                return await self._completed_there(machines, request, whole, error)
        return await self._completed_there(machines, request, whole, None)

    async def check_loras(self, params: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about LoRAs that do not go with the model. Raises BadRequest for missing ones."""
        needs = needs_of(params, model, None)
        try:
            return await self._lora_check.check(params, model)
        except BadRequest:
            if any(machine.stock.meets(needs) for machine in self._elsewhere.machines()):
                return []
            raise

    async def needs(
        self, params: Params | None, model: LoadRequest | None, upscaler: UpscalerRequest | None
    ) -> Needs:
        """What a job needs. Raises BadRequest when no machine has it all, or two have different files."""
        needs = needs_of(params, model, upscaler)
        machines = self._elsewhere.machines()
        stocks = [(machine.name, machine.stock) for machine in machines]
        if self._engine_here:
            stocks = [(HERE, await self._stock_here()), *stocks] if machines else stocks
            differing = conflicts(stocks, needs)
            if differing:
                raise BadRequest("; ".join(differing))
            return needs
        if needs.here:
            raise BadRequest(
                "This server has no engine of its own (engine.devices), and what was asked for names files"
                " of this machine: only an engine here could do it"
            )
        differing = conflicts(stocks, needs)
        if differing:
            raise BadRequest("; ".join(differing))
        if needs.files and not any(stock.meets(needs) for _, stock in stocks):
            raise BadRequest(_nobody(stocks, needs))
        return needs

    async def stocks(self) -> list[Stock]:
        """The files of all machines, this one first."""
        return [await self._stock_here(), *(machine.stock for machine in self._elsewhere.machines())]

    async def holdings(self) -> Holdings:
        """All model files of this machine."""
        entries = (await self._catalog.inventory()).entries
        models = [
            Holding(type=kind, name=entry.name, size_bytes=entry.size_bytes, hash=entry.hash)
            for kind in TYPES
            for entry in entries[kind]
        ]
        return Holdings(catalog=self._catalog.revision, models=models)

    async def listing(self, filters: Filters, current: tuple[str, str] | None) -> ModelList:
        """The body of GET /models: where there are other machines, each model says who has it."""
        listing = await self._catalog.listing(filters, current)
        machines = self._elsewhere.machines()
        if not machines:
            return listing
        merged = {
            FIELD_OF.get(kind, kind): self._merged(
                kind, getattr(listing, FIELD_OF.get(kind, kind)), filters, current
            )
            for kind in TYPES
            if filters.type in (None, kind)
        }
        return listing.model_copy(update=merged)

    # ------------------------------------------------------------ inside

    async def _stock_here(self) -> Stock:
        await self._catalog.inventory()
        if self._stock is None or self._stock.revision != self._catalog.revision:
            self._stock = Stock(await self.holdings())
        return self._stock

    def _merged(
        self, kind: ModelType, here: list[ModelEntry], filters: Filters, current: tuple[str, str] | None
    ) -> list[ModelEntry]:
        owners: dict[str, list[str]] = {entry.name: [HERE] for entry in here}
        entries = {entry.name: entry for entry in here}
        for machine in self._elsewhere.machines():
            held = [m for (other, _), m in machine.stock.models.items() if other == kind]
            for entry in filters.keep([_entry(model, current) for model in held]):
                entries.setdefault(entry.name, entry)
                owners.setdefault(entry.name, []).append(machine.name)
        return [entries[name].model_copy(update={"on": owners[name]}) for name in sorted(entries)]

    def _having(self, kind: ModelType, name: str) -> list[Machine]:
        return [machine for machine in self._elsewhere.machines() if machine.stock.has(kind, name)]

    def _with_main(self, request: LoadRequest) -> list[Machine]:
        kinds = [request.model_type] if "model_type" in request.model_fields_set else list(LOADABLE)
        return [
            machine
            for machine in self._elsewhere.machines()
            if any(machine.stock.has(kind, request.model_name) for kind in kinds)
        ]

    async def _main_is_here(self, request: LoadRequest) -> bool:
        kinds = [request.model_type] if "model_type" in request.model_fields_set else list(LOADABLE)
        return any([await self._catalog.find(kind, request.model_name) for kind in kinds])

    async def _completed_here(self, request: LoadRequest, whole: bool) -> Completed:
        request = request if whole else await self._assembler.assembled(request)
        await self._catalog.resolve(request)
        if not self._engine_here:
            raise ModelNotFound(
                f"Internal error: Model not found: {request.model_name} is on this server, which has no"
                " engine of its own, and on no worker"
            )
        path = await self._catalog.find(request.model_type, request.model_name)
        architecture = (await self._facts.of(path)).architecture if path else None
        return Completed(request=request, architecture=architecture)

    async def _completed_there(
        self, machines: Sequence[Machine], request: LoadRequest, whole: bool, error: SdcppError | None
    ) -> Completed:
        """What the first machine that can says; else `error`, or the last that was told."""
        for machine in machines:
            try:
                return await machine.completed(request, whole)
            except SdcppError as told:
                error = error or told
        assert error is not None
        raise error


def _entry(model: Holding, current: tuple[str, str] | None) -> ModelEntry:
    suffix = model.name[model.name.rfind(".") :].lower() if "." in model.name else ""
    return ModelEntry(
        name=model.name,
        type=model.type,
        file_extension=suffix,
        size_bytes=model.size_bytes,
        hash=model.hash,
        is_loaded=(model.name, model.type) == current if model.type in LOADABLE else None,
    )


def _nobody(stocks: Sequence[tuple[str, Stock]], needs: Needs) -> str:
    if not stocks:
        return NOBODY
    lacking = (f"{name} lacks {', '.join(stock.missing(needs))}" for name, stock in stocks)
    return f"No worker has everything that this needs: {'; '.join(lacking)}"
