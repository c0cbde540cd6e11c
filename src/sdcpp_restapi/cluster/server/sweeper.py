"""Sweeps the object store: files of attempts that were broken off, or that came too late, are nobody's."""

import asyncio

from ..connection import AWAY
from ..object_files import ObjectFiles, catalog_of, inputs_of, outputs_of
from .attempt_channels import AttemptChannels

# What is on its way is let arrive before the store is looked through.
SWEEP_AFTER = 3.0


class Sweeper:
    """Looks through the store when it was told that something may lie about."""

    def __init__(self, files: ObjectFiles, channels: AttemptChannels) -> None:
        self._files = files
        self._channels = channels
        self._dirty = asyncio.Event()
        files.when_left(self.call)
        self._dirty.set()  # an earlier run of this server may have left something

    def call(self) -> None:
        """Something may lie about."""
        self._dirty.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(SWEEP_AFTER)
            self._dirty.clear()
            try:
                await self._sweep()
            except AWAY:
                self._dirty.set()

    async def _sweep(self) -> None:
        names = await self._files.names()
        wanted = self._channels.expected()
        kept = {outputs_of(attempt) for attempt in wanted} | {inputs_of(attempt.job_id) for attempt in wanted}
        await self._files.delete(
            name
            for name in names
            if "/".join(name.split("/")[:2]) not in kept and not name.startswith(catalog_of(""))
        )
