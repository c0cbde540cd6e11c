"""What a server asks of a worker, and what the worker answers."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from nats.aio.msg import Msg
from pydantic import ValidationError

from ...background import BackgroundTasks
from ...errors import SdcppError
from ...schemas.cluster import (
    Attempt,
    Complete,
    Completed,
    Inspect,
    LoadModel,
    LoadUpscalerOrder,
    Question,
    Refusal,
    RpcReply,
    RpcRequest,
    Stop,
    UnloadModel,
    UnloadUpscalerOrder,
    WhoIsThere,
)
from ...schemas.events import ModelLoaded, UpscalerLoaded
from ...schemas.inspection import Inspection
from ...schemas.model_types import ModelType
from ...schemas.models import LoadRequest
from ...schemas.upscaling import UpscalerRequest
from ..connection import AWAY, BrokerConnection

log = logging.getLogger(__name__)

# How long another worker of the same name has to answer; where nobody listens, the broker says so at once.
NAME_SECONDS = 2.0
# Questions of which the answer is remembered, for servers that did not get it.
REMEMBERED = 64


class NameTaken(SdcppError):
    """Another worker has this name"""


class Slot(Protocol):
    """What this module needs of an engine slot."""

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded: ...
    async def unload_on_request(self) -> None: ...
    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded: ...
    async def unload_upscaler_on_request(self) -> None: ...


class JobConsumer(Protocol):
    """What this module needs of what works off orders."""

    async def stop(self, attempt: Attempt) -> None: ...


class Library(Protocol):
    """What this module needs to know about the models on this machine."""

    async def complete(self, request: LoadRequest, whole: bool) -> Completed: ...


class Inspector(Protocol):
    """What this module needs to know about single files."""

    async def inspect(self, kind: ModelType, name: str) -> Inspection: ...


class RpcServer:
    """Whatever reaches a worker on its own subject."""

    def __init__(
        self,
        name: str,
        connection: BrokerConnection,
        slots: Sequence[Slot],
        consumers: Sequence[JobConsumer],
        library: Library,
        inspector: Inspector,
        answered: Callable[[], None],
    ) -> None:
        """`answered` is called when an answer was given, and what is loaded may be something else."""
        self._name = name
        self._connection = connection
        self._slots = slots
        self._consumers = consumers
        self._library = library
        self._inspector = inspector
        self._answered = answered
        self._refused = ""
        self._answers: OrderedDict[str, asyncio.Task[RpcReply]] = OrderedDict()
        self._background = BackgroundTasks()

    async def take_name(self) -> None:
        """Make sure that nobody else works under this name. Raises NameTaken."""
        await self._connection.ready()
        try:
            await self._connection.request(
                self._connection.names.taken(self._name), WhoIsThere(), NAME_SECONDS
            )
        except AWAY:
            return
        raise NameTaken(
            f"Another worker is called {self._name}: give each its own name with --name (cluster.name)"
        )

    async def listen(self) -> None:
        """Answer from now on."""
        names = self._connection.names
        await self._connection.listen(names.taken(self._name), self._greeted)
        await self._connection.listen(names.asked(self._name), self._asked)

    async def _greeted(self, message: Msg) -> None:
        await self._connection.publish(message.reply, RpcReply())

    async def _asked(self, message: Msg) -> None:
        try:
            asked = RpcRequest.model_validate_json(message.data)
        except ValidationError as error:
            log.warning("a question was not understood: %s", error.errors()[0]["msg"])
            return
        # Not here: the next question must not wait for the answer to this one.
        match asked.what:
            case Stop(attempt=attempt):
                for consumer_of_slot in self._consumers:
                    self._background.spawn(consumer_of_slot.stop(attempt))
            case Refusal(why=why):
                if why != self._refused:
                    log.error("the server refuses this worker: %s", why)
                self._refused = why
            case question:
                self._background.spawn(self._reply(message, asked.id, question))

    async def _reply(self, message: Msg, question_id: str, question: Question) -> None:
        answering = self._answers.get(question_id)
        if answering is None:
            answering = asyncio.create_task(self._answer_or_error(question))
            self._answers[question_id] = answering
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        await self._connection.publish(message.reply, await asyncio.shield(answering))
        self._answered()

    async def _answer_or_error(self, question: Question) -> RpcReply:
        try:
            return await self._answer(question)
        except SdcppError as error:
            return RpcReply(error=type(error).__name__, message=str(error))

    async def _answer(self, question: Question) -> RpcReply:
        if isinstance(question, Complete):
            return RpcReply(completed=await self._library.complete(question.request, question.whole))
        if isinstance(question, Inspect):
            return RpcReply(inspection=await self._inspector.inspect(question.type, question.name))
        if question.slot >= len(self._slots):
            raise SdcppError(f"Worker {self._name} has no slot {question.slot}")
        slot = self._slots[question.slot]
        match question:
            case LoadModel():
                return RpcReply(loaded=await slot.load_on_request(question.request))
            case LoadUpscalerOrder():
                return RpcReply(upscaler=await slot.load_upscaler_on_request(question.request))
            case UnloadModel():
                await slot.unload_on_request()
            case UnloadUpscalerOrder():
                await slot.unload_upscaler_on_request()
        return RpcReply()
