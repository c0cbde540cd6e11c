"""Deletes files from the object store: those of attempts that have ended, and those that nobody waits for.

The latter are left by attempts that were broken off, or whose result came too late.
"""

import asyncio
from collections.abc import Iterable, Mapping

from ...background import BackgroundTasks
from ..broker_errors import BROKER_ERRORS
from ..object_files import ObjectFiles, inputs_of, inventory_of, outputs_of
from .attempt_channels import AttemptChannels

# What is on its way may arrive before the store is listed.
DELAY_SECONDS = 3.0


class Sweeper:
    """Lists the store only when something may have been left there."""

    def __init__(self, files: ObjectFiles, channels: AttemptChannels) -> None:
        self._files = files
        self._channels = channels
        self._deleting = BackgroundTasks()
        self._due = asyncio.Event()
        self._due.set()  # an earlier run of this server may have left something

    def request(self) -> None:
        """Sweep soon: something may have been left."""
        self._due.set()

    def delete_soon(self, files: Mapping[str, Iterable[str]]) -> None:
        """Delete files (names by folder) in the background; a failure leads to a sweep."""
        names = [f"{folder}/{name}" for folder, held in files.items() for name in held]
        self._deleting.spawn(self._delete(names))

    async def close(self) -> None:
        """Finish what `delete_soon` began."""
        await self._deleting.finish()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._due.wait()
            await asyncio.sleep(DELAY_SECONDS)
            self._due.clear()
            try:
                await self._sweep()
            except BROKER_ERRORS:
                self._due.set()

    async def _delete(self, names: Iterable[str]) -> None:
        try:
            await self._files.delete(names)
        except BROKER_ERRORS:
            self.request()

    async def _sweep(self) -> None:
        names = await self._files.list_names()
        attempts = self._channels.attempts()
        kept = {outputs_of(attempt) for attempt in attempts}
        kept |= {inputs_of(attempt.job_id) for attempt in attempts}
        await self._files.delete(
            name
            for name in names
            if "/".join(name.split("/")[:2]) not in kept and not name.startswith(inventory_of(""))
        )
