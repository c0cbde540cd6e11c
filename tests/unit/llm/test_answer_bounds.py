"""Answers of language models that are too long, too deep, broken, or not of the shape that was asked for."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest

from sdcpp_restapi.errors import LlmFailed, LlmGarbled
from sdcpp_restapi.llm.answer_bounds import is_too_deep
from sdcpp_restapi.llm.assistant.actions import read_proposals
from sdcpp_restapi.llm.assistant.turn import MOST_EXECUTED, Round, Turn
from sdcpp_restapi.llm.failures import translate_errors
from sdcpp_restapi.llm.provider import ask
from sdcpp_restapi.llm.response_bounds import HOOKS, MOST_BYTES
from sdcpp_restapi.schemas.actions import Action
from sdcpp_restapi.schemas.assistant import AssistantRequest
from sdcpp_restapi.schemas.chat import Answer, Chat, Message, ToolCall


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


class Says:
    """A provider that gives this answer, in one piece."""

    name = "says"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        if self._answer.text:
            yield self._answer.text
        yield self._answer


@pytest.mark.parametrize(
    "answer",
    [
        Answer.model_construct(text="half \ud83d", tool_calls=[], model="m"),
        Answer.model_construct(
            text="", tool_calls=[ToolCall.model_construct(name="x\udc00", arguments={}, id="")], model="m"
        ),
        Answer(text="", tool_calls=[ToolCall(name="x", arguments={"deep": nested(100)})], model="m"),
        Answer(text="", tool_calls=[ToolCall(name="x", arguments={"deep": "\ud800"})], model="m"),
    ],
)
async def test_what_cannot_be_passed_on_is_a_failure_of_the_model(answer: Answer) -> None:
    with pytest.raises(LlmGarbled):
        await ask(Says(answer), Chat(messages=[Message(role="user", content="hi")]), 5)  # type: ignore[arg-type]


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65536


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}])
async def test_an_answer_without_end_or_compressed_is_broken_off(headers: dict[str, str]) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, headers=headers, content=endless()))
    async with httpx.AsyncClient(transport=transport, event_hooks=HOOKS) as client:
        with pytest.raises(LlmGarbled, match=r"more than 8 MB|compressed"):
            await client.get("http://model.example/")
    assert MOST_BYTES == 8 * 2**20


def test_json_that_is_nested_without_end_is_garbled() -> None:
    with pytest.raises(LlmFailed), translate_errors("http://model.example"):
        json.loads("[" * 200_000)


def test_nesting_is_counted() -> None:
    assert not is_too_deep(nested(10))
    assert is_too_deep(nested(20))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"answer": "a red cat"}', '{"answer": "a red cat"}'),
        ("[1, 2]", "[1, 2]"),
        ('{"message": {"no": "text"}}', '{"message": {"no": "text"}}'),
        ('{"message": null, "actions": "none"}', '{"message": null, "actions": "none"}'),
        ("[" * 500, "[" * 500),
        ("a red cat", "a red cat"),
        ('{"message": "yes", "actions": [7, null, {"type": 3, "parameters": []}]}', "yes"),
    ],
)
def test_an_answer_of_another_shape_is_an_answer_in_words(text: str, message: str) -> None:
    said, _ = read_proposals(Answer(text=text, model="m"))
    assert said == message


async def test_a_turn_carries_out_twenty_actions_and_no_more() -> None:
    done: list[Action] = []

    async def run(action: Action) -> dict[str, Any]:
        done.append(action)
        return {}

    turn = Turn(AssistantRequest(message="go", execute=True), run)
    actions = [Action(type="generate", parameters={"prompt": str(n)}) for n in range(15)]
    for _ in range(3):
        answer = Answer(text="on it", model="m")
        await turn.add_round(Round(answer=answer, text="on it", actions=actions, rejected=[]))
    assert len(done) == MOST_EXECUTED == 20
    rejected = turn.build_answer().rejected_actions
    assert rejected is not None
    assert len(rejected) == 25
    assert "at most 20 actions" in rejected[0].reason
