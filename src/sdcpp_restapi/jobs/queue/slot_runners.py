"""Engine slots come and go; each has a runner in the engine lane for as long as it is there."""

from functools import partial

from ...schemas.jobs import Job
from ...slots.dispatch import Dispatcher
from ...slots.slot import Slot
from .executor import Executor
from .queue import Queue
from .runner import Runner, Runners


class SlotRunners:
    """Adds slots to the dispatcher and the runners alike, and removes them from both."""

    def __init__(self, *, queue: Queue, runners: Runners, dispatcher: Dispatcher) -> None:
        self._queue = queue
        self._runners = runners
        self._dispatcher = dispatcher
        self._runner_of: dict[Slot, Runner] = {}

    def add_slot(self, slot: Slot, executor: Executor, resumed: Job | None = None) -> None:
        """Give jobs to this slot from now on; first it goes on with `resumed`."""
        runner = Runner(
            queue=self._queue,
            lane="engine",
            executor=executor,
            claim_request=partial(self._dispatcher.claim_request, slot),
            resumed=resumed,
        )
        self._runner_of[slot] = runner
        self._dispatcher.add(slot)
        self._runners.add(runner)

    def remove_slot(self, slot: Slot) -> None:
        """Give it none any more."""
        self._dispatcher.remove(slot)
        self._runners.remove(self._runner_of.pop(slot))

    def retry_loads(self, slot: Slot) -> None:
        """The files of its machine changed: it may be able to run other jobs now."""
        self._dispatcher.retry_loads(slot)

    def wake(self) -> None:
        """Others may have to run what a slot that is gone would have run."""
        self._queue.wakeups.notify("engine")
