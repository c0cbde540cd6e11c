"""The runners of all engine slots, here and on workers: they come and go with them."""

from functools import partial

from ..cluster.server.remote_slot import RemoteSlot
from ..jobs.queue.queue import Queue
from ..jobs.queue.runner import Runner, Runners
from ..schemas.jobs import Job
from ..schemas.required_files import Needs
from .claim_request import Taker
from .pool import Fleet


class Crew:
    """Takes the slots of workers into use."""

    def __init__(self, queue: Queue, runners: Runners, fleet: Fleet) -> None:
        self._queue = queue
        self._runners = runners
        self._fleet = fleet
        self._at: dict[RemoteSlot, Runner] = {}

    def enlist(self, slot: RemoteSlot, resumed: Job | None) -> None:
        """Give jobs to this slot from now on; first it goes on with `resumed`."""

        async def can_run(needs: Needs) -> bool:
            return not self._fleet.replaces(slot) and await self._fleet.gives(slot, needs)

        def taker() -> Taker:
            return Taker(slot.name, slot.holds, can_run, partial(self._fleet.pass_on, slot))

        runner = Runner(self._queue, "engine", slot, taker, resumed)
        self._at[slot] = runner
        self._runners.add(runner)
        self._fleet.add(slot)

    def dismiss(self, slot: RemoteSlot) -> None:
        """Give it none any more."""
        self._fleet.remove(slot)
        self._runners.remove(self._at.pop(slot))

    def stock_changed(self, slot: RemoteSlot) -> None:
        """It may be able to run other jobs now."""
        self._fleet.reconsider(slot)

    def lost(self) -> None:
        """Others may have to run what a worker would have run."""
        self._queue.bells.ring("engine")
