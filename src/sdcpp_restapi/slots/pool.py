"""The slots of all machines as one engine: what is loaded is loaded into all of them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from ..errors import Interrupted, NoSlot, SdcppError
from ..models.required_files import required_files_of
from ..schemas.events import ModelLoaded, UpscalerLoaded
from ..schemas.jobs import Job
from ..schemas.models import LoadedSlot, LoadRequest
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest

log = logging.getLogger(__name__)

NOBODY = (
    "Nobody can load this now: this server has no engine of its own (engine.devices), and no worker has"
    " all its files"
)


class Slot(Protocol):
    """A place for one model and one upscaler, here or on a worker."""

    @property
    def name(self) -> str: ...
    @property
    def loading(self) -> LoadRequest | None: ...
    @property
    def problem(self) -> str | None: ...
    def view(self) -> LoadedSlot: ...
    async def can_run(self, needs: RequiredFiles) -> bool: ...
    async def load_on_request(self, request: LoadRequest) -> ModelLoaded: ...
    async def unload_on_request(self) -> None: ...
    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded: ...
    async def unload_upscaler_on_request(self) -> None: ...


class SlotPool:
    """All slots that there are at the moment."""

    def __init__(self, slots: Iterable[Slot], changed: Callable[[], None]) -> None:
        """`changed` is called when a slot may be able to run jobs that it left to others."""
        self._slots = list(slots)
        self._changed = changed
        # What each could not load.
        self._beyond: defaultdict[Slot, set[RequiredFiles]] = defaultdict(set)
        self._loads: set[asyncio.Task[object]] = set()
        self._late_failure: str | None = None

    async def close(self) -> None:
        """Break off loads that still run."""
        for load in self._loads:
            load.cancel()
        await asyncio.gather(*self._loads, return_exceptions=True)

    def add(self, slot: Slot) -> None:
        """A slot more."""
        self._slots.append(slot)

    def remove(self, slot: Slot) -> None:
        """A slot less."""
        self._slots.remove(slot)
        self.reconsider(slot)

    def reconsider(self, slot: Slot) -> None:
        """What it could not load it may load now."""
        self._beyond.pop(slot, None)
        self._changed()

    def defers_to_working_slot(self, slot: Slot) -> bool:
        """Whether the engine of `slot` does not come up, and that of another does: jobs are for that one."""
        return slot.problem is not None and any(other.problem is None for other in self._slots)

    def takes_all(self, slot: Slot) -> bool:
        """Whether nothing is known that `slot` would leave to others."""
        return not self.defers_to_working_slot(slot) and slot not in self._beyond

    async def gives(self, slot: Slot, needs: RequiredFiles) -> bool:
        """Whether a job with these needs may go to `slot`, as far as its engine comes up."""
        return await slot.can_run(needs) and not await self._leaves(slot, needs)

    async def _leaves(self, slot: Slot, needs: RequiredFiles) -> bool:
        """Whether `slot` could not load what these needs name, and another can run them."""
        if not self._is_beyond(slot, needs):
            return False
        others = [
            other for other in self._slots if other.problem is None and not self._is_beyond(other, needs)
        ]
        return any([await other.can_run(needs) for other in others])

    async def pass_on(self, slot: Slot, job: Job) -> bool:
        """Remember that `slot` could not load what a job needs; whether another can run it."""
        self._beyond[slot].add(required_files_of(None, job.model, job.upscaler))
        return await self._leaves(slot, required_files_of(job.params, job.model, job.upscaler))

    @property
    def loading(self) -> LoadRequest | None:
        """What one of them loads."""
        return next((slot.loading for slot in self._slots if slot.loading), None)

    @property
    def problem(self) -> str | None:
        """Why some of them do not come up, or could not load what others have loaded."""
        told = dict.fromkeys(slot.problem for slot in self._slots if slot.problem)
        return "; ".join(told) or self._late_failure

    def awaits(self, request: LoadRequest) -> bool:
        """Whether this model is being loaded, and no slot holds it yet."""
        loading = any(slot.loading == request for slot in self._slots)
        return loading and all(view.model_name != request.model_name for view in self.views())

    def views(self) -> list[LoadedSlot]:
        """What each holds."""
        return [slot.view() for slot in self._slots]

    async def load(self, request: LoadRequest) -> ModelLoaded:
        """Load a model into every slot that can; answers when the first one has it, the others follow.

        Failures until then are warnings too; all are told by `problem` until the next load. Raises what the
        first one said when all fail, NoSlot when there is none.
        """
        loaded, failures = await self._first(
            required_files_of(None, request, None), lambda slot: slot.load_on_request(request)
        )
        warnings = [*(loaded.warnings or []), *failures]
        return loaded.model_copy(update={"warnings": warnings or None})

    async def unload(self) -> None:
        """Free the model of every slot."""
        await self._all(lambda slot: slot.unload_on_request())

    async def load_upscaler(self, request: UpscalerRequest) -> UpscalerLoaded:
        """The same for an upscaler."""
        loaded, _ = await self._first(
            required_files_of(None, None, request), lambda slot: slot.load_upscaler_on_request(request)
        )
        return loaded

    async def unload_upscaler(self) -> None:
        """Free the upscaler of every slot."""
        await self._all(lambda slot: slot.unload_upscaler_on_request())

    # ------------------------------------------------------------ inside

    async def _first[R](
        self, needs: RequiredFiles, load: Callable[[Slot], Awaitable[R]]
    ) -> tuple[R, list[str]]:
        able = [slot for slot in self._slots if await slot.can_run(needs)]
        if not able:
            raise NoSlot(NOBODY)
        self._late_failure = None
        self._beyond.clear()
        tasks = [asyncio.create_task(self._try(slot, needs, load)) for slot in able]
        self._keep(tasks)
        failed: list[_Failed] = []
        for done in asyncio.as_completed(tasks):
            try:
                result = await done
            except _Failed as failure:
                failed.append(failure)
            else:
                for task in tasks:
                    task.add_done_callback(self._followed)
                self._changed()
                return result, [str(failure) for failure in failed]
        raise failed[0].error

    async def _try[R](self, slot: Slot, needs: RequiredFiles, load: Callable[[Slot], Awaitable[R]]) -> R:
        try:
            return await _one(slot, load)
        except _Failed as failure:
            if not isinstance(failure.error, Interrupted):
                self._beyond[slot].add(needs)
            raise

    def _is_beyond(self, slot: Slot, needs: RequiredFiles) -> bool:
        return any(set(known.files) <= set(needs.files) for known in self._beyond.get(slot, ()))

    async def _all(self, act: Callable[[Slot], Awaitable[None]]) -> None:
        tasks = [asyncio.create_task(_one(slot, act)) for slot in self._slots]
        self._keep(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, tasks: Iterable[asyncio.Task[object]]) -> None:
        for task in tasks:
            self._loads.add(task)
            task.add_done_callback(self._ended)

    def _followed(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled() and (failure := task.exception()):
            self._late_failure = str(failure)

    def _ended(self, task: asyncio.Task[object]) -> None:
        """Nobody may be left who waits for it; its error is in the log all the same."""
        self._loads.discard(task)
        if not task.cancelled():
            task.exception()


class _Failed(Exception):
    def __init__(self, slot: Slot, error: SdcppError) -> None:
        super().__init__(f"{slot.name}: {error}")
        self.error = error


async def _one[R](slot: Slot, act: Callable[[Slot], Awaitable[R]]) -> R:
    try:
        return await act(slot)
    except SdcppError as error:
        log.warning("%s: %s", slot.name, error)
        raise _Failed(slot, error) from error
