"""One worker as the server knows it: what it said last, when, and what became of the jobs it was given."""

import asyncio
import logging
from time import monotonic
from uuid import uuid4

from nats.errors import NoRespondersError

from ... import errors
from ...errors import EngineUnusable, SdcppError, WorkerLost
from ...models.model_inventory import ModelInventory
from ...schemas.base import Frozen
from ...schemas.cluster import Announcement, Attempt, Question, RpcReply, RpcRequest, SlotState, Stop
from ...schemas.workers import WorkerSlot, WorkerView
from ..connection import AWAY, RETRY_AFTER, BrokerConnection

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
# A question without an answer is asked again after so long: the broker may have lost either.
ASK_AGAIN = 5.0


class RemoteWorker:
    """A worker, present or lost."""

    def __init__(self, name: str, connection: BrokerConnection) -> None:
        self.name = name
        self._connection = connection
        self.last_announcement: Announcement | None = None
        self.inventory = ModelInventory()
        self.last_heartbeat_at = monotonic()
        self.present = False
        self._gone = asyncio.Event()
        self.refused: str | None = None
        self.jobs_done = 0
        self.failures = 0

    def record_announcement(self, announcement: Announcement) -> None:
        """It gave a sign of life."""
        self.last_announcement = announcement
        self.last_heartbeat_at = monotonic()

    def silent_for(self) -> float:
        """Seconds without a sign of life while the broker could be reached, by this machine's clock."""
        return min(monotonic() - self.last_heartbeat_at, self._connection.up_for)

    @property
    def usable(self) -> bool:
        """Whether it may be given jobs: it is there, not refused, and its models are known."""
        return self.present and self.refused is None and self.inventory.known

    def mark_present(self) -> None:
        """It is there."""
        self.present = True
        self._gone.clear()

    def mark_lost(self) -> None:
        """It is not there any more."""
        self.present = False
        self._gone.set()

    async def wait_lost(self) -> None:
        """Wait until it is not there."""
        await self._gone.wait()

    async def stop(self, attempt: Attempt) -> None:
        """Tell it to leave an attempt."""
        await self._connection.publish(
            self._connection.names.asked(self.name), RpcRequest(what=Stop(attempt=attempt))
        )

    async def tell(self, what: Frozen) -> None:
        """Tell it something that has no answer."""
        await self._connection.publish(
            self._connection.names.asked(self.name), RpcRequest.model_validate({"what": what})
        )

    async def request(self, question: Question, timeout: float = ANSWER_SECONDS) -> RpcReply:
        """Ask it something. Raises what it answers as an error, WorkerLost when it does not answer."""
        try:
            async with asyncio.timeout(timeout):
                data = await self._retry(RpcRequest(id=uuid4().hex, what=question))
        except AWAY as error:
            raise WorkerLost(f"Worker {self.name} does not answer") from error
        answer = RpcReply.model_validate_json(data)
        if answer.error is not None:
            raise _raised(answer.error, answer.message)
        return answer

    async def _retry(self, asked: RpcRequest) -> bytes:
        subject = self._connection.names.asked(self.name)
        while True:
            try:
                return await self._connection.request(subject, asked, ASK_AGAIN)
            except NoRespondersError:
                if self._connection.up_for > ASK_AGAIN:  # else it may not have found back to the broker yet
                    raise
                await asyncio.sleep(RETRY_AFTER)
            except AWAY as error:
                log.debug("worker %s did not answer in time (%s); asking again", self.name, error)

    def view(self) -> WorkerView:
        """As GET /workers shows it."""
        last_announcement = self.last_announcement
        slots = [self._slot_view(slot) for slot in (last_announcement.slots if last_announcement else [])]
        return WorkerView(
            name=self.name,
            state="refused" if self.refused else "ready" if self.present else "lost",
            problem=self.refused,
            version=last_announcement.version if last_announcement else None,
            engine=last_announcement.engine if last_announcement else None,
            devices=list(last_announcement.devices) if last_announcement else [],
            slots=slots,
            models=len(self.inventory),
            last_seen_seconds=round(monotonic() - self.last_heartbeat_at, 1),
            jobs_done=self.jobs_done,
            failures=self.failures,
        )

    def _slot_view(self, slot: SlotState) -> WorkerSlot:
        if not self.present:
            return WorkerSlot(device=slot.view.device)  # what it holds and does is known no more
        return WorkerSlot(
            device=slot.view.device,
            model_name=slot.view.model_name,
            model_architecture=slot.view.model_architecture,
            busy=slot.view.busy,
            job_id=slot.attempt.job_id if slot.attempt else None,
            problem=slot.problem,
        )


def _raised(name: str, message: str) -> SdcppError:
    """The error that a worker named; what only a later version knows is a SdcppError."""
    kind = getattr(errors, name, None)
    known = isinstance(kind, type) and issubclass(kind, SdcppError) and kind is not EngineUnusable
    return kind(message) if known and kind is not None else SdcppError(message)
