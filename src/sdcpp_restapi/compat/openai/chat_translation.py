"""From OpenAI's chat completions to chats of ours, and back: pure translation."""

import json
from collections.abc import Mapping
from typing import Any

from ...api.error_handlers import validate
from ...errors import BadRequest
from ...schemas.chat import Answer, Chat, Message, Tool, ToolCall
from .chat_schemas import ChatBody, CompletionBody, TextBody

_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
# Default values, which ask for nothing: clients send them all the same.
_DEFAULTS: tuple[object, ...] = (None, 0, 1, [], {}, "auto", "default")


def translate_chat(body: ChatBody, warnings: list[str]) -> Chat:
    """A conversation. Raises BadRequest naming the field of what cannot be passed on."""
    _check_text("messages", body.messages)
    _check_text("tools", body.tools)
    warnings += _warn_of_idle_fields(body)
    names: dict[str, str] = {}
    messages = [_read_message(i, message, names) for i, message in enumerate(body.messages)]
    tools = [_read_tool(i, tool) for i, tool in enumerate(body.tools)]
    if body.tool_choice == "none":
        tools = []
    elif body.tool_choice not in (None, "auto"):
        warnings.append("tool_choice has no effect: the model chooses; only 'none' and 'auto' act")
    limits = _read_limits(body, body.max_completion_tokens or body.max_tokens)
    return Chat(messages=messages, tools=tools, answer_schema=_read_format(body.response_format), **limits)


def translate_completion(body: CompletionBody, warnings: list[str]) -> Chat:
    """A conversation of one message."""
    warnings += _warn_of_idle_fields(body)
    prompt = body.prompt if isinstance(body.prompt, str) else body.prompt[0]
    return Chat(messages=[Message(role="user", content=prompt)], **_read_limits(body, body.max_tokens))


def show_message(answer: Answer) -> dict[str, Any]:
    """The message of an answer."""
    calls = {"tool_calls": show_calls(answer.tool_calls)} if answer.tool_calls else {}
    return {"role": "assistant", "content": answer.text or None, "refusal": None, **calls}


def show_calls(calls: list[ToolCall]) -> list[dict[str, Any]]:
    """Calls of tools; providers that give them no id get one, since the result must name it."""
    return [
        {
            "id": call.id or f"call_{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for index, call in enumerate(calls)
    ]


def finish_reason(answer: Answer) -> str:
    """Why an answer ended; that max_tokens cut it off, providers do not tell."""
    return "tool_calls" if answer.tool_calls else "stop"


def _warn_of_idle_fields(body: TextBody) -> list[str]:
    extra = body.model_extra or {}
    return [
        f"{field} has no effect: language models are not given it"
        for field in sorted(extra)
        if extra[field] is True or extra[field] not in _DEFAULTS
    ]


def _check_text(field: str, value: object) -> None:
    """Raises BadRequest for what no request to a provider could carry."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise BadRequest(f"{field}: broken text, or lists within lists without end", field) from None


def _read_limits(body: TextBody, max_tokens: int | None) -> dict[str, Any]:
    given = {"temperature": body.temperature, "max_tokens": max_tokens}
    return {name: value for name, value in given.items() if value is not None}


def _read_message(index: int, message: Mapping[str, Any], names: dict[str, str]) -> Message:
    """`names` gathers what the calls of tools were named, by their ids: results tell the ids only."""
    field = f"messages.{index}"
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        allowed = ", ".join(_ROLES)
        raise BadRequest(
            f"{field}.role: {message.get('role')!r} is not allowed; allowed are {allowed}", field
        )
    listed = message.get("tool_calls") or []
    calls = [_read_call(field, call) for call in (listed if isinstance(listed, list) else [listed])]
    names |= {call.id: call.name for call in calls}
    call_id = message.get("tool_call_id")
    made = {
        "role": role,
        "content": _read_content(field, message.get("content")),
        "tool_calls": calls,
        "tool_call_id": call_id,
        "tool_name": names.get(str(call_id)) if call_id else None,
    }
    return validate(Message, made)


def _read_content(field: str, content: Any) -> str:
    """The text of a message; parts of it are put together. Raises BadRequest for pictures and sounds."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get(kind) if kind in ("text", "refusal") else None
        if not isinstance(text, str):
            shown = repr(kind or part)[:60]
            raise BadRequest(f"{field}.content: {shown} is not allowed; only text is", f"{field}.content")
        texts.append(text)
    return "\n".join(texts)


def _read_call(field: str, call: object) -> ToolCall:
    try:
        assert isinstance(call, dict)
        function = call["function"]
        arguments = json.loads(function.get("arguments") or "{}")
        return ToolCall(id=str(call.get("id") or ""), name=function["name"], arguments=arguments)
    except (AssertionError, KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise BadRequest(
            f"{field}.tool_calls: each needs an id and a function with a name and arguments as JSON text",
            field,
        ) from None


def _read_tool(index: int, tool: Mapping[str, Any]) -> Tool:
    field, function = f"tools.{index}", tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, dict):
        raise BadRequest(f"{field}: {tool.get('type')!r} is not allowed; only functions are", field)
    try:
        return Tool(
            name=function["name"],
            description=function.get("description") or "",
            parameters=function.get("parameters") or {"type": "object", "properties": {}},
        )
    except (KeyError, ValueError):
        raise BadRequest(f"{field}.function: a name and parameters (JSON schema) are needed", field) from None


def _read_format(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The JSON schema that an answer is held to."""
    if wanted is None or wanted.get("type") == "text":
        return None
    if wanted.get("type") == "json_object":
        return {"type": "object"}
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise BadRequest(
            "response_format: text, json_object, or json_schema with a json_schema.schema is needed",
            "response_format",
        )
    return schema
