"""A turn of the conversation: a message, the model's answer with its proposals, and executed actions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...errors import LlmFailed
from ...schemas.assistant import (
    AssistantAnswer,
    AssistantRequest,
    AssistantSettings,
    ConversationMessage,
    Delta,
)
from ...schemas.chat import Chat, Message
from ..partial_json import PartialJson
from ..provider import Provider, stream_answer, wait_within
from .actions import build_answer_schema, check_proposals, list_tools, read_proposals
from .history import ConversationStore, to_json
from .prompt import build_instructions, build_user_message
from .turn import PARAGRAPH, Round, RunAction, Turn

# How often the model may look at what came of its actions before it must answer.
MOST_ROUNDS = 4
# Colder than for prose: a name has to be repeated exactly.
TEMPERATURE = 0.0
MAX_TOKENS = 1024
# Past messages that are sent again, and characters of each: together some 2,000 tokens.
MAX_PAST_MESSAGES = 12
MAX_PAST_CHARS = 600


class Dialogue:
    """The conversation with one model."""

    def __init__(
        self, *, provider: Provider, history: ConversationStore, settings: AssistantSettings
    ) -> None:
        self._provider = provider
        self._history = history
        self._settings = settings

    async def run_turn(
        self, request: AssistantRequest, state: dict[str, Any], run_action: RunAction
    ) -> AsyncGenerator[Delta | AssistantAnswer]:
        """The message in pieces, then the whole answer. Raises LlmFailed, if nothing was done until then.

        Safe actions are carried out with `run_action` if the request allows it; the model is asked again with
        their results.
        """
        by_tools = await wait_within(self._provider.supports_tools(), self._settings.timeout_seconds)
        messages = [
            *build_instructions(by_tools, self._settings.system_prompt),
            *await self._read_past(by_tools),
            build_user_message(request.message, state, request.context),
        ]
        schema = None if by_tools else build_answer_schema(state.get("available_models", {}))
        turn = Turn(request, run_action)
        for _ in range(MOST_ROUNDS):
            results: list[Message] = []
            gap = PARAGRAPH if turn.has_text else ""
            try:
                async with aclosing(self._ask(messages, schema)) as stream:
                    async for piece in stream:
                        if isinstance(piece, Delta):
                            yield Delta(text=gap + piece.text)
                            gap = ""
                        else:
                            results = await turn.add_round(piece)
            except LlmFailed:
                # Actions were executed, and the user has to be told of them.
                if not turn.executed:
                    raise
            if not results:
                break
            messages += results
        yield turn.build_answer()

    async def _ask(
        self, messages: list[Message], schema: dict[str, Any] | None
    ) -> AsyncGenerator[Delta | Round]:
        """One answer of the model, in pieces, then as a Round. Without a schema the model calls tools."""
        chat = Chat(
            messages=messages,
            tools=[] if schema else list_tools(),
            answer_schema=schema,
            temperature=TEMPERATURE,
            max_tokens=MAX_TOKENS,
        )
        partial = PartialJson(as_json=schema is not None)
        async with aclosing(stream_answer(self._provider, chat, self._settings.timeout_seconds)) as stream:
            async for piece in stream:
                if isinstance(piece, str):
                    if more := partial.feed(piece):
                        yield Delta(text=more)
                    continue
                text, proposals = read_proposals(piece)
                actions, rejected = check_proposals(proposals)
                yield Round(answer=piece, text=text, actions=actions, rejected=rejected)

    async def _read_past(self, by_tools: bool) -> list[Message]:
        past = await self._history.read(min(MAX_PAST_MESSAGES, self._settings.max_history))
        return [Message(role=one.role, content=_format_past(one, by_tools)) for one in past.messages]


def _format_past(message: ConversationMessage, by_tools: bool) -> str:
    """A message as the model once wrote it: what it sees of itself, it imitates."""
    content = message.content[:MAX_PAST_CHARS]
    if by_tools or message.role == "user":
        return content
    actions = [action.model_dump(mode="json") for action in message.actions or ()]
    return to_json({"message": content, "actions": actions})
