"""The slots of all machines as one engine: what is loaded on request is loaded into all of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from ..errors import BadRequest, Interrupted, NoSlot, SdcppError
from ..models.required_files import required_files_of
from ..schemas.events import ModelLoaded, UpscalerLoaded
from ..schemas.models import LoadedSlot, LoadRequest
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from .dispatch import Dispatcher
from .slot import Slot, loads_on_request

log = logging.getLogger(__name__)

NO_ABLE_SLOT = (
    "Nobody can load this now: this server has no engine of its own (engine.devices), and no worker has"
    " all its files"
)


class SlotPool:
    """Loads and unloads for every slot that the dispatcher knows."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._loads: set[asyncio.Task[object]] = set()
        self._model_load: _ModelLoad | None = None
        self._late_failure: str | None = None

    async def close(self) -> None:
        """Break off loads that still run."""
        for load in self._loads:
            load.cancel()
        await asyncio.gather(*self._loads, return_exceptions=True)

    @property
    def loading(self) -> LoadRequest | None:
        """What one of the slots loads."""
        return next((slot.loading for slot in self._slots if slot.loading), None)

    @property
    def problem(self) -> str | None:
        """Why some of them do not come up, or could not load what others have loaded."""
        problems = dict.fromkeys(slot.problem for slot in self._slots if slot.problem)
        return "; ".join(problems) or self._late_failure

    @property
    def begun(self) -> LoadRequest | None:
        """The request that `load` carries out, once a slot has begun to read it; None while it waits."""
        load = self._model_load
        return load.request if load is not None and not load.answered and load.has_begun else None

    def is_first_load(self, request: LoadRequest) -> bool:
        """Whether this model is being loaded, for no job, and no slot holds it yet."""
        loading = any(loads_on_request(slot, request) for slot in self._slots)
        return loading and all(view.model_name != request.model_name for view in self.views())

    def views(self) -> list[LoadedSlot]:
        """What each slot holds."""
        return [slot.view() for slot in self._slots]

    async def load(self, request: LoadRequest) -> ModelLoaded:
        """Load a model into every slot that can; answers when the first one has it, the others follow.

        Failures until then are warnings too; all are told by `problem` until the next load. Raises what the
        first one raised when all fail, NoSlot when there is none.
        """
        files = required_files_of(None, request, None)
        able = await self._find_able(files)
        self._withdraw_followers()
        tasks = self._begin_on_all(able, files, lambda slot: slot.load_on_request(request))
        self._model_load = load = _ModelLoad(request, dict(zip(tasks, able, strict=True)))
        try:
            loaded, failures = await self._wait_for_first(tasks)
        finally:
            load.answered = True
        warnings = [*(loaded.warnings or []), *failures]
        return loaded.model_copy(update={"warnings": warnings or None})

    def withdraw(self, request: LoadRequest) -> None:
        """Slots that wait for their turn with this request never load it; cancel its `load` as well."""
        if self._model_load is not None and self._model_load.request is request:
            self._model_load.withdraw()

    async def unload(self) -> None:
        """Free the model of every slot."""
        self._withdraw_followers()
        await self._run_on_all(lambda slot: slot.unload_on_request())

    async def unload_slot(self, name: str) -> list[str]:
        """Free the memory of the slots of this name; the models that were in use there. Raises BadRequest."""
        chosen = [slot for slot in self._slots if slot.name == name]
        if not chosen:
            known = ", ".join(dict.fromkeys(slot.name for slot in self._slots)) or "none"
            raise BadRequest(f"slot: there is no {name!r}; there are: {known}", field="slot")
        freed = [slot.loaded.model_name for slot in chosen if slot.loaded]
        await self._run_on_all(lambda slot: slot.unload_on_request(), chosen)
        return freed

    async def load_upscaler(self, request: UpscalerRequest) -> UpscalerLoaded:
        """Load an upscaler as `load` does a model."""
        files = required_files_of(None, None, request)
        able = await self._find_able(files)
        tasks = self._begin_on_all(able, files, lambda slot: slot.load_upscaler_on_request(request))
        return (await self._wait_for_first(tasks))[0]

    async def unload_upscaler(self) -> None:
        """Free the upscaler of every slot."""
        await self._run_on_all(lambda slot: slot.unload_upscaler_on_request())

    # ------------------------------------------------------------ inside

    @property
    def _slots(self) -> Iterable[Slot]:
        return self._dispatcher.slots

    def _withdraw_followers(self) -> None:
        """Slots that were to follow the first one, which has loaded its model, are to do something else."""
        if self._model_load is not None:
            self._model_load.withdraw()

    async def _find_able(self, files: RequiredFiles) -> list[Slot]:
        able = await self._dispatcher.able(files)
        if not able:
            raise NoSlot(NO_ABLE_SLOT)
        return able

    def _begin_on_all[R](
        self, slots: Iterable[Slot], files: RequiredFiles, load: Callable[[Slot], Awaitable[R]]
    ) -> list[asyncio.Task[R]]:
        self._late_failure = None
        self._dispatcher.forget_failed_loads()
        tasks = [asyncio.create_task(self._load_into(slot, files, load)) for slot in slots]
        self._keep(tasks)
        return tasks

    async def _wait_for_first[R](self, tasks: list[asyncio.Task[R]]) -> tuple[R, list[str]]:
        """What the first one that succeeds returns, and the failures until then."""
        failed: list[_SlotFailure] = []
        for done in asyncio.as_completed(tasks):
            try:
                result = await done
            except _SlotFailure as failure:
                failed.append(failure)
            else:
                for task in tasks:
                    task.add_done_callback(self._note_late_failure)
                self._dispatcher.wake()
                return result, [str(failure) for failure in failed]
        raise failed[0].error

    async def _load_into[R](
        self, slot: Slot, files: RequiredFiles, load: Callable[[Slot], Awaitable[R]]
    ) -> R:
        try:
            return await _run_on(slot, load)
        except _SlotFailure as failure:
            if not isinstance(failure.error, Interrupted):
                self._dispatcher.record_failed_load(slot, files)
            raise

    async def _run_on_all(
        self, act: Callable[[Slot], Awaitable[None]], slots: Iterable[Slot] | None = None
    ) -> None:
        tasks = [asyncio.create_task(_run_on(slot, act)) for slot in slots or self._slots]
        self._keep(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, tasks: Iterable[asyncio.Task[object]]) -> None:
        for task in tasks:
            self._loads.add(task)
            task.add_done_callback(self._drop)

    def _note_late_failure(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled() and (failure := task.exception()):
            self._late_failure = str(failure)

    def _drop(self, task: asyncio.Task[object]) -> None:
        """Nobody may be left who waits for it; its error is in the log all the same."""
        self._loads.discard(task)
        if not task.cancelled():
            task.exception()


@dataclass
class _ModelLoad:
    """A model on its way into the slots. `answered`: whoever asked for it knows what became of it."""

    request: LoadRequest
    tasks: Mapping[asyncio.Task[ModelLoaded], Slot]
    answered: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether a slot reads it or has read it. A slot that failed leaves it to those that wait.

        That a worker has begun is known from its announcements, a moment later than it is so.
        """
        return all(task.done() and not task.cancelled() for task in self.tasks) or any(
            _has_succeeded(task) or loads_on_request(slot, self.request) for task, slot in self.tasks.items()
        )

    def withdraw(self) -> None:
        """End it where it waits, at once: a slot whose turn comes in this moment passes it on."""
        for task, slot in self.tasks.items():
            if not loads_on_request(slot, self.request):
                task.cancel()


def _has_succeeded(task: asyncio.Task[ModelLoaded]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


class _SlotFailure(Exception):
    """What went wrong on one slot, with the slot's name before it."""

    def __init__(self, slot: Slot, error: SdcppError) -> None:
        super().__init__(f"{slot.name}: {error}")
        self.error = error


async def _run_on[R](slot: Slot, act: Callable[[Slot], Awaitable[R]]) -> R:
    try:
        return await act(slot)
    except SdcppError as error:
        log.warning("%s: %s", slot.name, error)
        raise _SlotFailure(slot, error) from error
