"""The runners of all engine slots, here and on workers: they come and go with them."""

from functools import partial

from ..cluster.server.remote_slot import RemoteSlot
from ..jobs.queue.queue import Queue
from ..jobs.queue.runner import Runner, Runners
from ..schemas.jobs import Job
from ..schemas.required_files import RequiredFiles
from .claim_request import ClaimRequest
from .pool import SlotPool


class SlotRegistration:
    """Takes the slots of workers into use."""

    def __init__(self, queue: Queue, runners: Runners, pool: SlotPool) -> None:
        self._queue = queue
        self._runners = runners
        self._pool = pool
        self._at: dict[RemoteSlot, Runner] = {}

    def add_slot(self, slot: RemoteSlot, resumed: Job | None) -> None:
        """Give jobs to this slot from now on; first it goes on with `resumed`."""

        async def can_run(needs: RequiredFiles) -> bool:
            return not self._pool.defers_to_working_slot(slot) and await self._pool.gives(slot, needs)

        def claim_request() -> ClaimRequest:
            return ClaimRequest(slot.name, slot.holds, can_run, partial(self._pool.pass_on, slot))

        runner = Runner(self._queue, "engine", slot, claim_request, resumed)
        self._at[slot] = runner
        self._runners.add(runner)
        self._pool.add(slot)

    def remove_slot(self, slot: RemoteSlot) -> None:
        """Give it none any more."""
        self._pool.remove(slot)
        self._runners.remove(self._at.pop(slot))

    def inventory_changed(self, slot: RemoteSlot) -> None:
        """It may be able to run other jobs now."""
        self._pool.reconsider(slot)

    def lost(self) -> None:
        """Others may have to run what a worker would have run."""
        self._queue.wakeups.notify("engine")
