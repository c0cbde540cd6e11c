"""The engines of all slots of a worker: started, restarted when they did not come up, and described."""

import asyncio
from collections.abc import Sequence

from ...slots.child_supervisor import NEXT_CHANCE
from ...slots.engine_slot import EngineSlot, revision_of


class Engines:
    """All engine slots of this machine."""

    def __init__(self, slots: Sequence[EngineSlot]) -> None:
        self._slots = slots

    @property
    def revision(self) -> str | None:
        """The engine's git revision, once one came up."""
        return revision_of(self._slots)

    @property
    def devices(self) -> list[str]:
        """The device of each slot."""
        return [slot.name for slot in self._slots]

    async def run(self) -> None:
        """Start the engines and look after them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for slot in self._slots:
                tasks.create_task(slot.start())
            tasks.create_task(self._restart())

    async def _restart(self) -> None:
        """Start engines that did not come up: no job does it while other workers can run the jobs."""
        while True:
            await asyncio.sleep(NEXT_CHANCE)
            for slot in self._slots:
                if slot.problem is not None:
                    async with slot.acquire():
                        await slot.revive()
