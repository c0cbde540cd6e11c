"""Deleting jobs with their files, getting them back, and deleting them for good.

The database is changed first, the files follow. Whatever stops the server in between, `repair` and
`finish_purges` bring the files to where the rows say that they are.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from itertools import batched

from ...errors import BadRequest
from ...events import EventBus
from ...outputs.trash import OutputTrash
from ...schemas.events import JobDeleted, JobRestored
from ...schemas.trash import Deleted, DeleteRequest, Restored, RestoreRequest
from ...slots.journals import Journals
from ..input_images import InputStore
from ..queue.queue import Queue
from .store import TrashStore

log = logging.getLogger(__name__)

# Jobs for which the database's writer is held at once: some milliseconds.
BATCH = 200
MOST_NAMED = 5


class Trash:
    """Jobs that were deleted and can come back."""

    def __init__(
        self,
        store: TrashStore,
        outputs: OutputTrash,
        inputs: InputStore,
        journals: Journals,
        queue: Queue,
        bus: EventBus,
    ) -> None:
        self._store = store
        self._outputs = outputs
        self._inputs = inputs
        self._journals = journals
        self._queue = queue
        self._bus = bus
        # A folder must not be on its way into the trash while another request has it brought back.
        self._moving = asyncio.Lock()

    async def delete(self, request: DeleteRequest) -> Deleted:
        """Throw jobs away or purge them.

        Raises BadRequest, before anything is deleted, that names jobs which wait, run or are waited for.
        """
        await self._refuse_in_use(request.job_ids)
        act, where = (self.purge, "gone for good") if request.purge else (self.throw_away, "in the trash")
        done, missing = await _by_batches(request.job_ids, act)
        log.info("%d jobs are %s, as asked for", len(done), where)
        return Deleted(deleted=done, not_found=missing, warnings=_warnings(request))

    async def restore(self, request: RestoreRequest) -> Restored:
        """Bring jobs back from the trash."""
        done, missing = await _by_batches(request.job_ids, self._take_back)
        log.info("%d jobs are back from the trash", len(done))
        return Restored(restored=done, not_found=missing, warnings=_warnings(request))

    async def throw_away(self, ids: list[str]) -> list[str]:
        """A batch of finished jobs goes into the trash; those that went."""
        async with self._moving:
            gone = await self._store.throw_away(ids)
            self._queue.touch()
            await asyncio.to_thread(self._outputs.throw_away, gone)
        self._publish({JobDeleted(job_id=job_id, purged=False): user for job_id, user in gone.items()})
        return list(gone)

    async def purge(self, ids: list[str]) -> list[str]:
        """A batch of finished jobs is deleted for good, in the trash or not; those that were."""
        async with self._moving:
            gone = await self._store.mark_purged(ids)
            self._queue.touch()
            await self._destroy(list(gone))
        self._publish({JobDeleted(job_id=job_id, purged=True): user for job_id, user in gone.items()})
        return list(gone)

    async def repair(self) -> None:
        """Put files where the rows say, after an unclean stop; call once, before the first request."""
        await asyncio.to_thread(self._outputs.throw_away, await self._store.list_in("trash"))
        content = await asyncio.to_thread(self._outputs.list_content)
        await asyncio.to_thread(self._outputs.take_back, await self._store.filter_in(content, "queue"))
        orphans = await self._store.filter_unknown(await self._inputs.list_owners())
        if orphans:
            log.info("input images of %d requests that never became jobs are deleted", len(orphans))
            await self._inputs.remove(*orphans)

    async def finish_purges(self) -> None:
        """Delete what is left of jobs whose purge was broken off, or of which a file could not be deleted."""
        finished = 0
        for batch in batched(await self._store.list_in("gone"), BATCH):
            async with self._moving:
                finished += await self._destroy(list(batch))
        if finished:
            log.info("%d purges that were broken off are finished", finished)

    async def _take_back(self, ids: list[str]) -> list[str]:
        async with self._moving:
            back = await self._store.take_back(ids)
            await asyncio.to_thread(self._outputs.take_back, back)
        self._publish({JobRestored(job_id=job_id): user for job_id, user in back.items()})
        return list(back)

    async def _refuse_in_use(self, ids: list[str]) -> None:
        find_in_use = await self._store.find_in_use(ids)
        if find_in_use:
            named = ", ".join(f"{job_id} ({why})" for job_id, why in list(find_in_use.items())[:MOST_NAMED])
            more = f" and {len(find_in_use) - MOST_NAMED} more" if len(find_in_use) > MOST_NAMED else ""
            raise BadRequest(
                f"job_ids: {named}{more} can't be deleted, so nothing was; cancel what is not finished first"
            )

    async def _destroy(self, ids: list[str]) -> int:
        gone = await asyncio.to_thread(self._outputs.destroy, ids)
        await self._inputs.remove(*gone)
        await self._journals.forget(gone)
        await self._store.forget(gone)
        return len(gone)

    def _publish(self, events: Mapping[JobDeleted | JobRestored, str]) -> None:
        """Events with the users whose jobs they are about."""
        self._queue.touch()
        for event, user in events.items():
            self._bus.publish(event, user)


async def _by_batches(
    ids: list[str], act: Callable[[list[str]], Awaitable[list[str]]]
) -> tuple[list[str], list[str]]:
    """Those that `act` took, and the others, in the order in which they were asked for."""
    asked = list(dict.fromkeys(ids))
    done: set[str] = set()
    for batch in batched(asked, BATCH):
        done.update(await act(list(batch)))
    return [one for one in asked if one in done], [one for one in asked if one not in done]


def _warnings(request: DeleteRequest | RestoreRequest) -> list[str] | None:
    return [f"unknown field {name!r} was ignored" for name in request.unknown_fields()] or None
