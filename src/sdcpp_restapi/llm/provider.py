"""What a provider of chat models is, and how it is asked: `answer` for the whole, `pieces` for a stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from ..errors import LlmSilent, LlmTimeout
from ..schemas.chat import Answer, Chat


class Provider(Protocol):
    """One chat model of one server, or of this machine.

    Everything raises LlmFailed. An answer stops when the task that waits for it is cancelled, or when the
    generator is closed.
    """

    def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """The answer's text in pieces as it is made, and at the end the whole Answer."""
        ...

    async def models(self) -> list[str]:
        """The names of all models that could answer."""
        ...

    async def takes_tools(self) -> bool:
        """Whether a chat may have tools. Where not, constrain the answer with a schema instead."""
        ...


async def pieces(provider: Provider, chat: Chat, timeout: float) -> AsyncGenerator[str | Answer]:
    """As Provider.stream. Raises LlmTimeout when the whole is not there after `timeout` seconds, and
    LlmSilent when it is empty."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    async with aclosing(provider.stream(chat)) as stream:
        while True:
            try:
                piece = await asyncio.wait_for(anext(stream), deadline - clock())
            except TimeoutError:
                raise LlmTimeout(f"The language model did not answer within {timeout:g} s") from None
            if isinstance(piece, Answer) and not piece.text.strip() and not piece.tool_calls:
                raise LlmSilent(f"{piece.model} gave an empty answer")
            yield piece
            if isinstance(piece, Answer):
                return


async def answer(provider: Provider, chat: Chat, timeout: float) -> Answer:
    """The whole answer. Raises what `pieces` raises."""
    async with aclosing(pieces(provider, chat, timeout)) as stream:
        async for piece in stream:
            if isinstance(piece, Answer):
                return piece
    raise AssertionError("a stream ends with an Answer")
