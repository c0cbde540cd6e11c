"""What is gathered over the rounds of one turn: texts, proposals, and executed actions with their results."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from ...errors import SdcppError
from ...schemas.actions import SAFE, Action, ExecutedAction, RejectedAction
from ...schemas.assistant import AssistantAnswer, AssistantRequest
from ...schemas.chat import Answer, Message, ToolCall
from .history import to_json

# Between the texts of two rounds.
PARAGRAPH = "\n\n"

# Of all rounds together: a model that loops must not fill the queue.
MOST_EXECUTED = 20

RunAction = Callable[[Action], Awaitable[dict[str, Any]]]


class Round(NamedTuple):
    """One answer of the model, with the message and the actions that were read out of it."""

    answer: Answer
    text: str
    actions: list[Action]
    rejected: list[RejectedAction]


class Turn:
    """One turn of the conversation."""

    def __init__(self, request: AssistantRequest, run_action: RunAction) -> None:
        """`run_action` carries an action out, and raises SdcppError."""
        self._request = request
        self._run_action = run_action
        self._texts: list[str] = []
        self._proposed: list[Action] = []
        self._rejected: list[RejectedAction] = []
        self.executed: list[ExecutedAction] = []

    async def add_round(self, round_: Round) -> list[Message]:
        """Add a round and execute what may be executed.

        Returns the messages with which the model is asked again; none if nothing was executed.
        """
        if round_.text:
            self._texts.append(round_.text)
        self._rejected += round_.rejected
        self._proposed += [action for action in round_.actions if not self._may_execute(action)]
        wanted = [action for action in round_.actions if self._may_execute(action)]
        left = MOST_EXECUTED - len(self.executed)
        self._rejected += [
            RejectedAction(
                **dict(action), reason=f"at most {MOST_EXECUTED} actions are carried out in one turn"
            )
            for action in wanted[left:]
        ]
        done = [await _execute(action, self._run_action) for action in wanted[:left]]
        self.executed += done
        return _build_results(round_.answer, done) if done else []

    @property
    def has_text(self) -> bool:
        """Whether the model has said anything yet."""
        return bool(self._texts)

    def build_answer(self) -> AssistantAnswer:
        """The answer to the request, out of all rounds."""
        unknown = [f"unknown field {name!r} was ignored" for name in self._request.unknown_fields()]
        return AssistantAnswer(
            message=PARAGRAPH.join(self._texts) or self._summarize(),
            actions=self._proposed,
            rejected_actions=self._rejected or None,
            executed=self.executed if self._request.execute else None,
            warnings=unknown or None,
        )

    def _may_execute(self, action: Action) -> bool:
        return self._request.execute and action.type in SAFE

    def _summarize(self) -> str:
        """In place of a text: a model that only calls tools writes none."""
        names = [action.type.replace("_", " ") for action in self._proposed] + [
            f"{done.type.replace('_', ' ')}: {'done' if done.success else done.error}"
            for done in self.executed
        ]
        return ", ".join(names).capitalize() or "I have nothing to say to that."


async def _execute(action: Action, run_action: RunAction) -> ExecutedAction:
    try:
        # Not cancelled half-way when the client goes away.
        result = await asyncio.shield(asyncio.ensure_future(run_action(action)))
    except SdcppError as error:
        return ExecutedAction(**dict(action), success=False, error=str(error))
    return ExecutedAction(**dict(action), success=True, result=result)


def _build_results(answer: Answer, executed: list[ExecutedAction]) -> list[Message]:
    """The messages that continue the chat: the model's answer, and the results of its actions."""
    if not answer.tool_calls:
        results = "; ".join(_format_result(done) for done in executed)
        return [
            Message(role="assistant", content=answer.text),
            Message(role="user", content=f"Results: {results}. Tell the user in a sentence."),
        ]
    own = Message(role="assistant", content=answer.text, tool_calls=answer.tool_calls)
    left = list(executed)
    return [own, *(_build_tool_result(call, left) for call in answer.tool_calls)]


def _build_tool_result(call: ToolCall, left: list[ExecutedAction]) -> Message:
    """The result of a tool call; its executed action is taken out of `left`."""
    done = next((done for done in left if done.type == call.name), None)
    if done is not None:
        left.remove(done)
    content = _format_result(done) if done else "not done: waits for the user, or was rejected"
    return Message(role="tool", content=content, tool_name=call.name, tool_call_id=call.id or None)


def _format_result(done: ExecutedAction) -> str:
    return to_json(done.model_dump(mode="json", exclude={"parameters"}))
