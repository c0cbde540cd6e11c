"""What a server asks of a worker, and what the worker answers."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from nats.aio.msg import Msg
from pydantic import ValidationError

from ...background import Errands
from ...errors import SdcppError
from ...schemas.cluster import (
    Answer,
    Asked,
    Attempt,
    Complete,
    Completed,
    Inspect,
    LoadModel,
    LoadUpscalerOrder,
    Question,
    Refusal,
    Stop,
    UnloadModel,
    UnloadUpscalerOrder,
    WhoIsThere,
)
from ...schemas.events import ModelLoaded, UpscalerLoaded
from ...schemas.inspection import Inspection
from ...schemas.models import LoadRequest, ModelType
from ...schemas.upscaling import UpscalerRequest
from ..connection import AWAY, Link

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


class Post(Protocol):
    """What this module needs of what works off orders."""

    async def stop(self, attempt: Attempt) -> None: ...


class Library(Protocol):
    """What this module needs to know about the models on this machine."""

    async def completed(self, request: LoadRequest, whole: bool) -> Completed: ...


class Inspector(Protocol):
    """What this module needs to know about single files."""

    async def inspect(self, kind: ModelType, name: str) -> Inspection: ...


class Questions:
    """Whatever reaches a worker on its own subject."""

    def __init__(
        self,
        name: str,
        link: Link,
        slots: Sequence[Slot],
        posts: Sequence[Post],
        library: Library,
        inspector: Inspector,
        answered: Callable[[], None],
    ) -> None:
        """`answered` is called when an answer was given, and what is loaded may be something else."""
        self._name = name
        self._link = link
        self._slots = slots
        self._posts = posts
        self._library = library
        self._inspector = inspector
        self._answered = answered
        self._refused = ""
        self._answers: OrderedDict[str, asyncio.Task[Answer]] = OrderedDict()
        self._errands = Errands()

    async def take_name(self) -> None:
        """Make sure that nobody else works under this name. Raises NameTaken."""
        await self._link.ready()
        try:
            await self._link.ask(self._link.names.taken(self._name), WhoIsThere(), NAME_SECONDS)
        except AWAY:
            return
        raise NameTaken(
            f"Another worker is called {self._name}: give each its own name with --name (cluster.name)"
        )

    async def listen(self) -> None:
        """Answer from now on."""
        names = self._link.names
        await self._link.listen(names.taken(self._name), self._greeted)
        await self._link.listen(names.asked(self._name), self._asked)

    async def _greeted(self, message: Msg) -> None:
        await self._link.say(message.reply, Answer())

    async def _asked(self, message: Msg) -> None:
        try:
            asked = Asked.model_validate_json(message.data)
        except ValidationError as error:
            log.warning("a question was not understood: %s", error.errors()[0]["msg"])
            return
        # Not here: the next question must not wait for the answer to this one.
        match asked.what:
            case Stop(attempt=attempt):
                for post in self._posts:
                    self._errands.do(post.stop(attempt))
            case Refusal(why=why):
                if why != self._refused:
                    log.error("the server refuses this worker: %s", why)
                self._refused = why
            case question:
                self._errands.do(self._reply(message, asked.id, question))

    async def _reply(self, message: Msg, question_id: str, question: Question) -> None:
        answering = self._answers.get(question_id)
        if answering is None:
            answering = asyncio.create_task(self._answer_or_error(question))
            self._answers[question_id] = answering
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        await self._link.say(message.reply, await asyncio.shield(answering))
        self._answered()

    async def _answer_or_error(self, question: Question) -> Answer:
        try:
            return await self._answer(question)
        except SdcppError as error:
            return Answer(error=type(error).__name__, message=str(error))

    async def _answer(self, question: Question) -> Answer:
        if isinstance(question, Complete):
            return Answer(completed=await self._library.completed(question.request, question.whole))
        if isinstance(question, Inspect):
            return Answer(inspection=await self._inspector.inspect(question.type, question.name))
        if question.slot >= len(self._slots):
            raise SdcppError(f"Worker {self._name} has no slot {question.slot}")
        slot = self._slots[question.slot]
        match question:
            case LoadModel():
                return Answer(loaded=await slot.load_on_request(question.request))
            case LoadUpscalerOrder():
                return Answer(upscaler=await slot.load_upscaler_on_request(question.request))
            case UnloadModel():
                await slot.unload_on_request()
            case UnloadUpscalerOrder():
                await slot.unload_upscaler_on_request()
        return Answer()
