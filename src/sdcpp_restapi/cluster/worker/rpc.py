"""Serves the requests of a server on the subject of this worker."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from nats.aio.msg import Msg
from pydantic import ValidationError

from ...background import BackgroundTasks
from ...errors import SdcppError
from ...events import PreviewDemand
from ...models.inspector import Inspector
from ...models.library import ModelLibrary
from ...schemas.cluster import (
    Complete,
    Inspect,
    LoadModel,
    LoadUpscaler,
    NameQuery,
    Refusal,
    RpcCall,
    RpcReply,
    RpcRequest,
    StopAttempt,
    UnloadModel,
    UnloadUpscaler,
    WantPreviews,
    WithdrawLoad,
)
from ...slots.engine_slot import EngineSlot
from ...slots.slot import loads_on_request
from ..broker_errors import BROKER_ERRORS
from ..connection import BrokerConnection
from .attempt_runner import AttemptRunner
from .bounded_dict import BoundedDict

log = logging.getLogger(__name__)

# How long another worker of the same name has to reply; where nobody listens, the broker says so at once.
NAME_QUERY_SECONDS = 2.0
# Requests of which the reply is remembered, for servers that did not get it.
REPLIES_REMEMBERED = 64


class NameTaken(SdcppError):
    """Another worker has this name"""


@dataclass(frozen=True)
class _Handling:
    """A request and what will be its reply."""

    call: RpcCall
    reply: asyncio.Task[RpcReply]


class RpcServer:
    """Handles each request once, also when it is sent again."""

    def __init__(
        self,
        *,
        name: str,
        connection: BrokerConnection,
        slots: Sequence[EngineSlot],
        runners: Sequence[AttemptRunner],
        library: ModelLibrary,
        inspector: Inspector,
        preview_demand: PreviewDemand,
        announcement_due: asyncio.Event,
    ) -> None:
        """`announcement_due` is set after each reply: a load changes what the slots hold."""
        self._name = name
        self._connection = connection
        self._slots = slots
        self._runners = runners
        self._library = library
        self._inspector = inspector
        self._preview_demand = preview_demand
        self._announcement_due = announcement_due
        self._refusal_reason = ""
        self._handled = BoundedDict[str, _Handling](REPLIES_REMEMBERED)
        self._background = BackgroundTasks()

    async def claim_name(self) -> None:
        """Make sure that nobody else works under this name; waits for the broker. Raises NameTaken."""
        await self._connection.ready()
        subject = self._connection.subjects.name_query(self._name)
        try:
            await self._connection.request(subject, NameQuery(), NAME_QUERY_SECONDS)
        except BROKER_ERRORS:
            return
        raise NameTaken(
            f"Another worker is called {self._name}: give each its own name with --name (cluster.name)"
        )

    async def start(self) -> None:
        """Serve requests from now on."""
        subjects = self._connection.subjects
        await self._connection.subscribe(subjects.name_query(self._name), self._on_name_query)
        await self._connection.subscribe(subjects.rpc(self._name), self._on_request)

    async def _on_name_query(self, message: Msg) -> None:
        await self._connection.publish(message.reply, RpcReply())

    async def _on_request(self, message: Msg) -> None:
        try:
            request = RpcRequest.model_validate_json(message.data)
        except ValidationError as error:
            log.warning("a request was not understood: %s", error.errors()[0]["msg"])
            return
        # Not here: the next request must not wait for the reply to this one.
        match request.what:
            case StopAttempt(attempt=attempt):
                for runner in self._runners:
                    self._background.spawn(runner.stop(attempt))
            case Refusal(why=reason):
                if reason != self._refusal_reason:
                    log.error("the server refuses this worker: %s", reason)
                self._refusal_reason = reason
            case WantPreviews(wanted=wanted):
                self._preview_demand.update(wanted)
            case WithdrawLoad(request_id=load_id):
                self._withdraw_load(load_id)
            case call:
                self._background.spawn(self._reply(message, request.id, call))

    async def _reply(self, message: Msg, request_id: str, call: RpcCall) -> None:
        handling = self._handled.get(request_id)
        if handling is None:
            handling = _Handling(call, asyncio.create_task(self._handle(call)))
            self._handled[request_id] = handling
        await self._connection.publish(message.reply, await asyncio.shield(handling.reply))
        self._announcement_due.set()

    def _withdraw_load(self, request_id: str) -> None:
        """End a load that waits for its slot; one that has begun goes on."""
        handling = self._handled.get(request_id)
        if handling is None or handling.reply.done() or not isinstance(handling.call, LoadModel):
            return
        if not loads_on_request(self._slots[handling.call.slot], handling.call.request):
            handling.reply.cancel()

    async def _handle(self, call: RpcCall) -> RpcReply:
        try:
            match call:
                case Complete():
                    return RpcReply(completed=await self._library.complete(call.request, call.whole))
                case Inspect():
                    return RpcReply(inspection=await self._inspector.inspect(call.type, call.name))
                case _:
                    return await self._load(call)
        except SdcppError as error:
            return RpcReply(error=error.info)

    async def _load(self, call: LoadModel | UnloadModel | LoadUpscaler | UnloadUpscaler) -> RpcReply:
        if call.slot >= len(self._slots):
            raise SdcppError(f"Worker {self._name} has no slot {call.slot}")
        slot = self._slots[call.slot]
        match call:
            case LoadModel():
                return RpcReply(loaded=await slot.load_on_request(call.request))
            case LoadUpscaler():
                return RpcReply(upscaler=await slot.load_upscaler_on_request(call.request))
            case UnloadModel():
                await slot.unload_on_request()
            case UnloadUpscaler():
                await slot.unload_upscaler_on_request()
        return RpcReply()
