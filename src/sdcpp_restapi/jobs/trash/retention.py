"""What is deleted without being asked for: what was long enough in the trash, and what the settings name.

Age sends jobs into the trash. Size deletes for good, since the trash is on the same disk, and begins there.
Only finished jobs of the database go, with folders of their names: nothing is found by looking at the disk.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from ...config import Retention as Settings
from ...errors import StorageUnavailable
from ...schemas.trash import Place
from .storage_usage import StorageUsage
from .store import TrashStore
from .trash import BATCH, Trash

log = logging.getLogger(__name__)

INTERVAL = 600.0
GIGABYTE = 10**9


class Retention:
    """Keeps what the settings of [retention] say."""

    def __init__(self, store: TrashStore, trash: Trash, usage: StorageUsage, settings: Settings) -> None:
        self._store = store
        self._trash = trash
        self._usage = usage
        self._settings = settings

    async def keep(self) -> None:
        """Clean up now and every ten minutes, for ever."""
        while True:
            try:
                await self.clean()
            except StorageUnavailable as error:
                log.warning(
                    "retention: broke off (%s); the next round is in %d minutes", error, INTERVAL / 60
                )
            except Exception:
                log.exception("retention: broke off; the next round is in %d minutes", INTERVAL / 60)
            await asyncio.sleep(INTERVAL)

    async def clean(self) -> None:
        """One round."""
        settings = self._settings
        await self._trash.finish_purges()
        await self._all(
            lambda: self._store.list_deleted_before(_days_ago(settings.trash_days), BATCH),
            self._trash.purge,
            f"deleted for good after {settings.trash_days:g} days in the trash",
        )
        if (age := settings.max_age_days) is not None:
            await self._all(
                lambda: self._store.list_ended_before(_days_ago(age), BATCH),
                self._trash.throw_away,
                f"put into the trash, {age:g} days after their end",
            )
        if settings.max_gigabytes is not None:
            await self._usage.measure()
            for place in ("trash", "queue"):
                await self._shrink(place, settings.max_gigabytes)

    async def _shrink(self, place: Place, most: float) -> None:
        async def find() -> list[str]:
            sizes = await self._store.sizes()
            # What is gone but could not be deleted is left out: other jobs must not pay for it.
            taken = sum(sizes[one].outputs for one in ("queue", "trash") if one in sizes)
            return await self._store.oldest(place, int(taken - most * GIGABYTE), BATCH)

        what = f"deleted for good, from the {place}: outputs took more than {most:g} GB"
        await self._all(find, self._trash.purge, what)

    async def _all(
        self,
        find: Callable[[], Awaitable[list[str]]],
        act: Callable[[list[str]], Awaitable[list[str]]],
        what: str,
    ) -> None:
        """Act on what is found, batch by batch, until there is nothing left that can be done."""
        total = 0
        while (ids := await find()) and (done := await act(ids)):
            total += len(done)
        if total:
            log.info("retention: %d jobs %s", total, what)


def _days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
