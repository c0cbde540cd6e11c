"""A turn of the conversation: the user says something, the model answers and proposes, the server may act."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...errors import LlmFailed
from ...schemas.assistant import AssistantAnswer, AssistantRequest, AssistantSettings, Delta, Said
from ...schemas.chat import Chat, Message
from ..partial_json import PartialJson
from ..provider import Provider, pieces, within
from .actions import answer_schema, checked, read_proposals, tools
from .history import History, as_text
from .prompt import instructions, spoken
from .turn import PARAGRAPH, Do, Round, Turn

# How often the model may look at what came of its actions before it must answer.
MOST_ROUNDS = 4
# Colder than for prose: a name has to be repeated exactly.
TEMPERATURE = 0.0
MAX_TOKENS = 1024
# Messages of the past that are told again, and how much of each: together some 2,000 tokens.
REMEMBERED = 12
LONGEST_MEMORY = 600


class Dialogue:
    """The conversation with one model."""

    def __init__(self, provider: Provider, history: History, settings: AssistantSettings) -> None:
        self._provider = provider
        self._history = history
        self._settings = settings

    async def turn(
        self, request: AssistantRequest, facts: dict[str, Any], spawn: Do
    ) -> AsyncGenerator[Delta | AssistantAnswer]:
        """The message in pieces, then the whole answer. Raises LlmFailed, if nothing was done until then.

        Safe actions are carried out with `spawn` if the request says so, and the model hears what came of them.
        """
        by_tools = await within(self._provider.takes_tools(), self._settings.timeout_seconds)
        messages = [
            *instructions(by_tools, self._settings.system_prompt),
            *await self._past(by_tools),
            spoken(request.message, facts, request.context),
        ]
        schema = None if by_tools else answer_schema(facts.get("available_models", {}))
        turn = Turn(request, spawn)
        for _ in range(MOST_ROUNDS):
            heard: list[Message] = []
            gap = PARAGRAPH if turn.has_spoken else ""
            try:
                async with aclosing(self._ask(messages, schema)) as stream:
                    async for piece in stream:
                        if isinstance(piece, Delta):
                            yield Delta(text=gap + piece.text)
                            gap = ""
                        else:
                            heard = await turn.take(piece)
            except LlmFailed:
                # What was done is done, and the user has to hear of it.
                if not turn.executed:
                    raise
            if not heard:
                break
            messages += heard
        yield turn.answer()

    async def _ask(
        self, messages: list[Message], schema: dict[str, Any] | None
    ) -> AsyncGenerator[Delta | Round]:
        """Without a schema the model calls tools."""
        chat = Chat(
            messages=messages,
            tools=[] if schema else tools(),
            answer_schema=schema,
            temperature=TEMPERATURE,
            max_tokens=MAX_TOKENS,
        )
        growing = PartialJson(as_json=schema is not None)
        async with aclosing(pieces(self._provider, chat, self._settings.timeout_seconds)) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    if more := growing.take(piece):
                        yield Delta(text=more)
                    continue
                text, wanted = read_proposals(piece)
                yield Round(piece, text, *checked(wanted))

    async def _past(self, by_tools: bool) -> list[Message]:
        told = await self._history.read(min(REMEMBERED, self._settings.max_history))
        return [Message(role=one.role, content=_memory(one, by_tools)) for one in told.messages]


def _memory(said: Said, by_tools: bool) -> str:
    """A message as the model once wrote it: what it sees of itself, it imitates."""
    content = said.content[:LONGEST_MEMORY]
    if by_tools or said.role == "user":
        return content
    actions = [action.model_dump(mode="json") for action in said.actions or ()]
    return as_text({"message": content, "actions": actions})
