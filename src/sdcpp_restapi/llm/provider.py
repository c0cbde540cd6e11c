"""What a provider of chat models is, and how to ask it: `ask` for all at once, `stream_answer` for pieces."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import ClassVar, Protocol, Self

from ..errors import LlmSilent, LlmTimeout
from ..schemas.chat import Answer, Chat, ProviderSettings
from .answer_bounds import check_answer, check_text
from .providers.resources import ProviderResources
from .reasoning_filter import ReasoningFilter, strip_reasoning


class Provider(Protocol):
    """One chat model of one server, or of this machine.

    Everything raises LlmFailed. An answer stops when the task that waits for it is cancelled, or when the
    generator is closed.
    """

    # The value of `provider` in settings; schemas/chat.py lists it for the API's description.
    name: ClassVar[str]

    @classmethod
    async def open(cls, settings: ProviderSettings, resources: ProviderResources) -> Self:
        """Make the provider, without asking its server anything yet."""
        ...

    def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """The answer's text in pieces as it is made, and at the end the whole Answer."""
        ...

    async def list_models(self) -> list[str]:
        """The names of all models that could answer."""
        ...

    async def supports_tools(self) -> bool:
        """Whether a chat may have tools. Where not, constrain the answer with a schema instead."""
        ...


async def stream_answer(provider: Provider, chat: Chat, timeout: float) -> AsyncGenerator[str | Answer]:
    """As Provider.stream. Raises LlmTimeout when the whole is not there after `timeout` seconds, and
    LlmSilent when it is empty, LlmGarbled when it can't be passed on."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    reasoning = ReasoningFilter()
    async with aclosing(provider.stream(chat)) as stream:
        while True:
            try:
                piece = await asyncio.wait_for(anext(stream), deadline - clock())
            except TimeoutError:
                raise LlmTimeout(f"The language model did not answer within {timeout:g} s") from None
            if isinstance(piece, Answer):
                check_answer(piece)
                yield _clean(piece)
                return
            check_text(piece)
            if text := reasoning.pass_on(piece):
                yield text


def _clean(answer: Answer) -> Answer:
    text = strip_reasoning(answer.text)
    if not text.strip() and not answer.tool_calls:
        raise LlmSilent(f"{answer.model} gave an empty answer")
    return answer.model_copy(update={"text": text})


async def wait_within[T](work: Awaitable[T], timeout: float) -> T:
    """What `work` comes to. Raises LlmTimeout when it takes longer than `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            return await work
    except TimeoutError:
        raise LlmTimeout(f"The language model's server did not answer within {timeout:g} s") from None


async def ask(provider: Provider, chat: Chat, timeout: float) -> Answer:
    """The whole answer. Raises what `stream_answer` raises."""
    async with aclosing(stream_answer(provider, chat, timeout)) as stream:
        async for piece in stream:
            if isinstance(piece, Answer):
                return piece
    raise AssertionError("a stream ends with an Answer")
