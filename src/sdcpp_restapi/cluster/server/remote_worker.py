"""One worker as the server knows it: its last announcement, whether it is present, and requests to it."""

import asyncio
import logging
from time import monotonic
from uuid import uuid4

from nats.errors import NoRespondersError

from ...background import BackgroundTasks
from ...errors import WorkerLost, error_of
from ...models.model_inventory import ModelInventory
from ...schemas.cluster import (
    Announcement,
    Attempt,
    LoadModel,
    Refusal,
    RpcCall,
    RpcReply,
    RpcRequest,
    SlotState,
    StopAttempt,
    WantPreviews,
    WithdrawLoad,
)
from ...schemas.workers import WorkerSlot, WorkerView
from ..broker_errors import BROKER_ERRORS
from ..connection import RETRY_SECONDS, BrokerConnection

log = logging.getLogger(__name__)

REPLY_SECONDS = 30.0
# A request without a reply is sent again after so long: the broker may have lost either.
RESEND_AFTER = 5.0


class RemoteWorker:
    """A worker, present or lost."""

    def __init__(self, name: str, connection: BrokerConnection) -> None:
        self.name = name
        self._connection = connection
        self.last_announcement: Announcement | None = None
        self._last_heartbeat_at = monotonic()
        self.inventory = ModelInventory()
        self.present = False
        self._lost = asyncio.Event()
        self._background = BackgroundTasks()
        self.refusal_reason: str | None = None
        self.jobs_done = 0
        self.failures = 0

    # ------------------------------------------------------------ presence

    def record_announcement(self, announcement: Announcement) -> None:
        """Keep its last announcement, which is a heartbeat too."""
        self.last_announcement = announcement
        self._last_heartbeat_at = monotonic()

    def silent_for(self) -> float:
        """Seconds without a heartbeat while the broker could be reached, by this machine's clock."""
        return min(monotonic() - self._last_heartbeat_at, self._connection.uptime)

    @property
    def usable(self) -> bool:
        """Whether it may be given jobs: it is present, not refused, and its models are known."""
        return self.present and self.refusal_reason is None and self.inventory.known

    @property
    def engine_revision(self) -> str | None:
        """The revision of its engine, once one came up there."""
        return self.last_announcement.engine if self.last_announcement else None

    def mark_present(self) -> None:
        """It announced itself."""
        self.present = True
        self._lost.clear()

    def mark_lost(self) -> None:
        """It left, was started anew or gave no heartbeat for too long."""
        self.present = False
        self._lost.set()

    async def wait_lost(self) -> None:
        """Wait for `mark_lost`."""
        await self._lost.wait()

    # ------------------------------------------------------------ messages to it

    async def stop_attempt(self, attempt: Attempt) -> None:
        """Have it cancel an attempt; the message may get lost."""
        await self._send(RpcRequest(what=StopAttempt(attempt=attempt)))

    async def want_previews(self, wanted: bool) -> None:
        """Tell it whether anybody looks at previews; the message may get lost."""
        await self._send(RpcRequest(what=WantPreviews(wanted=wanted)))

    async def send_refusal(self, reason: str) -> None:
        """Tell it why it gets no jobs; the message may get lost."""
        await self._send(RpcRequest(what=Refusal(why=reason)))

    async def request(self, call: RpcCall, timeout: float = REPLY_SECONDS) -> RpcReply:
        """Have it do something and wait for the reply, for `timeout` seconds.

        Raises what it replies as an error, WorkerLost when it does not reply. When this is cancelled, a load
        that still waits there for its turn is withdrawn.
        """
        request = RpcRequest(id=uuid4().hex, what=call)
        try:
            async with asyncio.timeout(timeout):
                data = await self._request_until_replied(request)
        except asyncio.CancelledError:
            if isinstance(call, LoadModel):
                # If this gets lost, the worker loads the model for nothing.
                self._background.spawn(self._send(RpcRequest(what=WithdrawLoad(request_id=request.id))))
            raise
        except BROKER_ERRORS as error:
            raise WorkerLost(f"Worker {self.name} does not answer") from error
        reply = RpcReply.model_validate_json(data)
        if reply.error is not None:
            raise error_of(reply.error)
        return reply

    async def _send(self, request: RpcRequest) -> None:
        await self._connection.publish(self._connection.subjects.rpc(self.name), request)

    async def _request_until_replied(self, request: RpcRequest) -> bytes:
        subject = self._connection.subjects.rpc(self.name)
        while True:
            try:
                return await self._connection.request(subject, request, RESEND_AFTER)
            except NoRespondersError:
                if (
                    self._connection.uptime > RESEND_AFTER
                ):  # else it may not have reconnected to the broker yet
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            except BROKER_ERRORS as error:
                log.debug("worker %s did not reply in time (%s); sending again", self.name, error)

    # ------------------------------------------------------------ GET /workers

    def view(self) -> WorkerView:
        """Its entry in GET /workers."""
        last = self.last_announcement
        return WorkerView(
            name=self.name,
            state="refused" if self.refusal_reason else "ready" if self.present else "lost",
            problem=self.refusal_reason,
            version=last.version if last else None,
            engine=self.engine_revision,
            devices=list(last.devices) if last else [],
            slots=[self._slot_view(slot) for slot in last.slots] if last else [],
            models=len(self.inventory),
            last_seen_seconds=round(monotonic() - self._last_heartbeat_at, 1),
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
