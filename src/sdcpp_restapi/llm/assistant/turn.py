"""What is gathered over the rounds of one turn: words, proposals, and deeds with their results."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from ...errors import SdcppError
from ...schemas.actions import SAFE, Action, ExecutedAction, RejectedAction
from ...schemas.assistant import AssistantAnswer, AssistantRequest
from ...schemas.chat import Answer, Message, ToolCall
from .history import as_text

# Between the words of two rounds.
PARAGRAPH = "\n\n"

Do = Callable[[Action], Awaitable[dict[str, Any]]]


class Round(NamedTuple):
    """One answer of the model, understood."""

    answer: Answer
    text: str
    actions: list[Action]
    rejected: list[RejectedAction]


class Turn:
    """One turn of the conversation."""

    def __init__(self, request: AssistantRequest, spawn: Do) -> None:
        """`spawn` carries an action out, and raises SdcppError."""
        self._request = request
        self._do = spawn
        self._texts: list[str] = []
        self._proposed: list[Action] = []
        self._rejected: list[RejectedAction] = []
        self.executed: list[ExecutedAction] = []

    async def take(self, round_: Round) -> list[Message]:
        """Add a round and do what may be done; what the model must hear of it before it goes on."""
        if round_.text:
            self._texts.append(round_.text)
        self._rejected += round_.rejected
        self._proposed += [action for action in round_.actions if not self._may(action)]
        done = [await _deed(action, self._do) for action in round_.actions if self._may(action)]
        self.executed += done
        return _heard(round_.answer, done) if done else []

    @property
    def has_spoken(self) -> bool:
        """Whether there are words already."""
        return bool(self._texts)

    def answer(self) -> AssistantAnswer:
        """All of it."""
        unknown = [f"unknown field {name!r} was ignored" for name in self._request.unknown_fields()]
        return AssistantAnswer(
            message=PARAGRAPH.join(self._texts) or self._instead(),
            actions=self._proposed,
            rejected_actions=self._rejected or None,
            executed=self.executed if self._request.execute else None,
            warnings=unknown or None,
        )

    def _may(self, action: Action) -> bool:
        return self._request.execute and action.type in SAFE

    def _instead(self) -> str:
        """A model that only calls tools says nothing; people want a word all the same."""
        names = [action.type.replace("_", " ") for action in self._proposed] + [
            f"{deed.type.replace('_', ' ')}: {'done' if deed.success else deed.error}"
            for deed in self.executed
        ]
        return ", ".join(names).capitalize() or "I have nothing to say to that."


async def _deed(action: Action, spawn: Do) -> ExecutedAction:
    try:
        # A client that goes away leaves no deed half done.
        result = await asyncio.shield(asyncio.ensure_future(spawn(action)))
    except SdcppError as error:
        return ExecutedAction(**dict(action), success=False, error=str(error))
    return ExecutedAction(**dict(action), success=True, result=result)


def _heard(answer: Answer, executed: list[ExecutedAction]) -> list[Message]:
    """The model's own words and what came of them, for its next answer."""
    if not answer.tool_calls:
        results = "; ".join(_result(deed) for deed in executed)
        return [
            Message(role="assistant", content=answer.text),
            Message(role="user", content=f"Results: {results}. Tell the user in a sentence."),
        ]
    own = Message(role="assistant", content=answer.text, tool_calls=answer.tool_calls)
    left = list(executed)
    return [own, *(_returned(call, left) for call in answer.tool_calls)]


def _returned(call: ToolCall, left: list[ExecutedAction]) -> Message:
    """What came of a call; takes it out of the deeds that are left."""
    deed = next((deed for deed in left if deed.type == call.name), None)
    if deed is not None:
        left.remove(deed)
    content = _result(deed) if deed else "not done: waits for the user, or was rejected"
    return Message(role="tool", content=content, tool_name=call.name, tool_call_id=call.id or None)


def _result(deed: ExecutedAction) -> str:
    return as_text(deed.model_dump(mode="json", exclude={"parameters"}))
