"""The engine children of a slot: one of them computes, the others keep models that were used before.

A model has a child of its own, so that one that crashes takes no other model along. Which of them goes first
when there is no room: the one that was used longest ago, but the current model and those that are to stay for
ever last.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from ..background import BackgroundTasks
from ..engine.client import EngineChild
from ..engine.watchdog import choose_memory_bound
from ..os_support.memory import measure_free_memory
from ..schemas.engine import LoraFile
from ..schemas.events import ModelUnloaded, UnloadReason
from ..schemas.jobs import Job
from ..schemas.models import LoadRequest
from .dispatch import RequiredLoads, required_loads
from .resident import OnChild, Resident, SlotParts

log = logging.getLogger(__name__)


class Residents:
    """At least one, the active one first, then by when they were used last."""

    def __init__(self, parts: SlotParts, *, on_gone: OnChild, on_idle: Callable[[Resident], None]) -> None:
        """As Resident; `on_gone` is called for the active one only."""
        self._parts = parts
        self._on_gone = on_gone
        self._on_idle = on_idle
        self._closing = BackgroundTasks()
        self._all = [self._make()]
        # The model that was asked for last: jobs that name none run on it.
        self.requested: LoadRequest | None = None

    @property
    def active(self) -> Resident:
        """The one that computes, or did last."""
        return self._all[0]

    @property
    def all(self) -> tuple[Resident, ...]:
        """All of them."""
        return tuple(self._all)

    @property
    def room(self) -> int:
        """Bytes that one of them could take if there were nothing else in any."""
        return min(measure_free_memory() + sum(map(_memory_of, self._all)), self._bound)

    def __contains__(self, resident: Resident) -> bool:
        """Whether it has not been dropped."""
        return resident in self._all

    def activate(self, resident: Resident) -> None:
        """It computes from now on."""
        self._all.remove(resident)
        self._all.insert(0, resident)

    def find(self, model: LoadRequest) -> Resident | None:
        """The one that holds this model."""
        return next((resident for resident in self._all if model.same_model(resident.loaded)), None)

    def activate_for(self, job: Job, loras: list[LoraFile]) -> RequiredLoads:
        """Activate the one that lacks the least for a job; what it lacks."""

        def weigh(loads: RequiredLoads) -> tuple[bool, bool]:
            return loads.model is not None, loads.upscaler is not None

        lacking = {resident: required_loads(job, loras, resident.held) for resident in self._all}
        best = min(self._all, key=lambda resident: weigh(lacking[resident]))  # of equal ones the first
        if lacking[best].model is None:
            self.activate(best)
        return required_loads(job, loras, self.active.held)

    async def make_room(self, model: LoadRequest, need: int) -> Resident:
        """Activate the one into which a model is to be loaded that takes about `need` bytes."""
        place = self.find(model) or next((one for one in self._all if one.loaded is None), None)
        if place is None and len(self._all) < self._parts.settings.models_in_memory and self._fits(need):
            place = self._make()
            self._all.append(place)
        place = place or self._next_to_go(self._all)
        self.activate(place)
        if len(self._all) > 1:
            if place.loaded is not None and not model.same_model(place.loaded):
                self._tell_unloaded(place, "memory")
            await place.unload()
        while len(self._all) > 1 and not self._fits(need):
            await self.drop(self._next_to_go(self._all[1:]), "memory")
        return place

    async def drop_idle(self, reason: UnloadReason | None = None) -> bool:
        """Free all but the active one; whether there were any. Without a reason it was asked for."""
        idle = self._all[1:]
        for resident in idle:
            await self.drop(resident, reason)
        return bool(idle)

    def drop_lost(self, resident: Resident) -> None:
        """Drop an idle one whose child has died."""
        if self._take_out(resident, "lost"):
            # By a task of its own: closing it ends the watch that calls this.
            self._closing.spawn(resident.close())

    def tell_idle(self, resident: Resident) -> None:
        """Its model leaves memory now, since nobody used it."""
        self._tell_unloaded(resident, "idle")

    async def drop(self, resident: Resident, reason: UnloadReason | None) -> None:
        """End an idle one, whose model leaves memory."""
        assert resident is not self.active
        if self._take_out(resident, reason):
            await resident.close()

    async def close(self) -> None:
        """End all children."""
        await asyncio.gather(*(resident.close() for resident in self._all))
        await self._closing.finish()

    # ------------------------------------------------------------ inside

    def _make(self) -> Resident:
        return Resident(
            self._parts,
            on_gone=self._on_child_gone,
            on_idle=self._on_idle,
            memory_of_others=self._memory_of_others,
        )

    async def _on_child_gone(self, resident: Resident, child: EngineChild) -> None:
        if resident is self.active:
            await self._on_gone(resident, child)
        elif resident in self._all:
            log.warning("an idle engine process of %s ended: %s", self._parts.device, child.reason)
            self.drop_lost(resident)

    def _next_to_go(self, candidates: Sequence[Resident]) -> Resident:
        return min(reversed(candidates), key=self._is_pinned)  # of equal ones the one used longest ago

    def _is_pinned(self, resident: Resident) -> bool:
        if resident.loaded is None:
            return False
        return resident.loaded.same_model(self.requested) or (resident.loaded.keep_alive or 0) < 0

    def _fits(self, need: int) -> bool:
        reserve = self._parts.settings.memory_reserve_mb * 2**20
        taken = sum(_memory_of(resident) for resident in self._all)
        return need <= min(measure_free_memory() - reserve, self._bound - taken)

    @property
    def _bound(self) -> int:
        return choose_memory_bound(self._parts.settings.max_memory_mb)

    def _memory_of_others(self, resident: Resident) -> int:
        return sum(_memory_of(other) for other in self._all if other is not resident)

    def _take_out(self, resident: Resident, reason: UnloadReason | None) -> bool:
        if resident not in self._all:
            return False
        self._all.remove(resident)
        self._tell_unloaded(resident, reason)
        resident.forget()
        return True

    def _tell_unloaded(self, resident: Resident, reason: UnloadReason | None) -> None:
        if resident.loaded is not None:
            name, slot = resident.loaded.model_name, str(self._parts.device)
            log.info("%s leaves the memory of %s (%s)", name, slot, reason or "asked for")
            self._parts.bus.publish(ModelUnloaded(model_name=name, slot=slot, reason=reason))


def _memory_of(resident: Resident) -> int:
    return resident.engine.child.memory_bytes() if resident.engine.child and resident.engine.is_alive else 0
