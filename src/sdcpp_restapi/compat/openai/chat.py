"""Routes of the language model: chat completions and completions."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse

from ...api.app_state import AppState, State
from ...api.cancel_on_disconnect import cancel_on_disconnect
from ...errors import BadRequest, LlmFailed, SdcppError
from ...llm.provider import ask, stream_answer
from ...schemas.chat import Answer, Chat
from .chat_models import ChosenChatModel, choose_chat_model
from .chat_schemas import ChatAnswer, ChatBody, CompletionBody, TextBody, TokenUsage
from .chat_translation import finish_reason, show_calls, show_message, translate_chat, translate_completion
from .sse import DONE, format_event, format_failure

router = APIRouter(tags=["Language model"])

type _Choices = list[dict[str, Any]]


class _Style(NamedTuple):
    """How one of the two interfaces shows an answer."""

    object: str
    piece_object: str
    whole: Callable[[Answer], _Choices]
    first: _Choices
    piece: Callable[[str], _Choices]
    last: Callable[[Answer], list[_Choices]]


def _choice(**shown: Any) -> _Choices:
    return [{"index": 0, "logprobs": None, "finish_reason": None, **shown}]


def _show_last_chunks(answer: Answer) -> list[_Choices]:
    calls = [{"index": i, **call} for i, call in enumerate(show_calls(answer.tool_calls))]
    end = _choice(delta={}, finish_reason=finish_reason(answer))
    return [_choice(delta={"tool_calls": calls}), end] if calls else [end]


_CHAT = _Style(
    "chat.completion",
    "chat.completion.chunk",
    whole=lambda answer: _choice(message=show_message(answer), finish_reason=finish_reason(answer)),
    first=_choice(delta={"role": "assistant", "content": ""}),
    piece=lambda text: _choice(delta={"content": text}),
    last=_show_last_chunks,
)
_COMPLETION = _Style(
    "text_completion",
    "text_completion",
    whole=lambda answer: _choice(text=answer.text, finish_reason="stop"),
    first=_choice(text=""),
    piece=lambda text: _choice(text=text),
    last=lambda _answer: [_choice(text="", finish_reason="stop")],
)


@router.post("/chat/completions", response_model=ChatAnswer)
async def chat_completions(body: ChatBody, request: Request, state: State) -> Response:
    """Ask the language model of the assistant. Stops when the connection is closed."""
    warnings: list[str] = []
    chat = translate_chat(body, warnings)
    model = await choose_chat_model(state, body.model, warnings)
    if chat.tools and not await _supports_tools(state, model):
        raise BadRequest(f"tools: they are not allowed; {model.name or 'the model'} takes none", "tools")
    return await _answer(request, state, body, chat, model, _CHAT, warnings)


@router.post("/completions", response_model=ChatAnswer)
async def completions(body: CompletionBody, request: Request, state: State) -> Response:
    """Ask it with one text: it answers, as chat models do, rather than to go on writing."""
    warnings: list[str] = []
    chat = translate_completion(body, warnings)
    model = await choose_chat_model(state, body.model, warnings)
    return await _answer(request, state, body, chat, model, _COMPLETION, warnings)


async def _supports_tools(state: AppState, model: ChosenChatModel) -> bool:
    try:
        return await model.provider.supports_tools()
    except LlmFailed as error:
        raise await state.assistant.model.add_advice(error) from None


async def _answer(
    request: Request,
    state: AppState,
    body: TextBody,
    chat: Chat,
    model: ChosenChatModel,
    style: _Style,
    warnings: list[str],
) -> Response:
    frame = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time())}
    try:
        if body.stream:
            stream = stream_answer(model.provider, chat, model.timeout)
            # Waited for, so that a model which can't be reached is told by the status.
            first = await cancel_on_disconnect(request, _read_first(stream))
            usage = body.stream_options.include_usage
            return EventSourceResponse(_stream(first, stream, model, style, frame, usage, warnings))
        answer = await cancel_on_disconnect(request, ask(model.provider, chat, model.timeout))
    except LlmFailed as error:
        raise await state.assistant.model.add_advice(error) from None
    shown = ChatAnswer.model_validate(
        {
            **frame,
            "object": style.object,
            "model": answer.model,
            "choices": style.whole(answer),
            "usage": TokenUsage(),
            "warnings": warnings or None,
        }
    )
    return JSONResponse(shown.model_dump(mode="json"))


async def _read_first(stream: AsyncGenerator[str | Answer]) -> str | Answer:
    return await anext(stream)


async def _stream(
    first: str | Answer,
    rest: AsyncGenerator[str | Answer],
    model: ChosenChatModel,
    style: _Style,
    frame: dict[str, Any],
    with_usage: bool,
    warnings: list[str],
) -> AsyncGenerator[bytes]:
    frame = {**frame, "object": style.piece_object, "model": model.name}

    def event(choices: _Choices, **more: Any) -> bytes:
        return format_event(ChatAnswer.model_validate({**frame, "choices": choices, **more}))

    try:
        async with aclosing(rest):
            yield event(style.first, warnings=warnings or None)
            piece: str | Answer | None = first
            while piece is not None:
                for choices in [style.piece(piece)] if isinstance(piece, str) else style.last(piece):
                    yield event(choices)
                piece = await anext(rest, None)
        if with_usage:
            yield event([], usage=TokenUsage())
        yield DONE
    except SdcppError as error:
        yield format_failure(error)
