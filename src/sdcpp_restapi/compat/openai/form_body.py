"""Bodies that are JSON or a form with files: both become the same fields."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ...errors import BadRequest

type _Entry = tuple[Sequence[str], Sequence[object]]
"""Where in a field it is, and the values that came with this name, in order."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
# Lists and objects within each other; requests have three at most.
_MOST_LEVELS = 8
# Texts of people, which may begin like JSON.
_PROSE = ("prompt", "negative_prompt", "prompt_template", "user", "safety_identifier")


def is_form(request: Request) -> bool:
    """Whether its body is a form, perhaps with files."""
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def read_body(request: Request, most_bytes: int) -> object:
    """The JSON document, or the fields of the form; files are base64 texts.

    Raises BadRequest, RequestValidationError for what is neither.
    """
    if not is_form(request):
        return _parse_json(await request.body())
    try:
        async with request.form(max_part_size=most_bytes) as form:
            return nest_fields([(name, await _read_value(name, value)) for name, value in form.multi_items()])
    except HTTPException as error:
        raise BadRequest(f"The form cannot be read: {error.detail}") from error


def nest_fields(items: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """Fields of a form, with lists and objects put together of names such as skip_layers[] and loras[][name].

    Raises BadRequest for objects of a list of which some lack a field: which ones, nothing tells.
    """
    fields: dict[str, dict[str, list[object]]] = {}
    for key, value in items:
        match = _NAME.fullmatch(key) if key.count("[") <= _MOST_LEVELS else None
        name, path = (match[1], match[2]) if match else (key, "")
        fields.setdefault(name, {}).setdefault(path, []).append(value)
    return {
        name: _build(name, [(_PART.findall(path), values) for path, values in paths.items()])
        for name, paths in fields.items()
    }


def _build(name: str, entries: Sequence[_Entry]) -> object:
    ended = [values for path, values in entries if not path]
    if ended:
        return ended[0][0] if len(ended[0]) == 1 else list(ended[0])
    if any(path[0] == "" for path, _ in entries):
        return _build_list(name, [(path[1:], values) for path, values in entries])
    return {
        head: _build(name, [(path[1:], values) for path, values in entries if path[0] == head])
        for head in dict.fromkeys(path[0] for path, _ in entries)
    }


def _build_list(name: str, entries: Sequence[_Entry]) -> list[object]:
    plain = [value for path, values in entries if not path for value in values]
    if plain:
        return plain
    lengths = {len(values) for _, values in entries}
    if len(lengths) > 1:
        raise BadRequest(
            f"{name}: give each of the list the same fields, or send it as JSON text", field=name
        )
    return [_build(name, [(path, [values[i]]) for path, values in entries]) for i in range(lengths.pop())]


async def _read_value(name: str, value: UploadFile | str) -> object:
    if isinstance(value, UploadFile):
        return base64.b64encode(await value.read()).decode()
    if name not in _PROSE and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _parse_json(body: bytes) -> object:
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "", "input": None}])
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        found = {
            "type": "json_invalid",
            "loc": ("body",),
            "msg": "",
            "input": {},
            "ctx": {"error": str(error)},
        }
        raise RequestValidationError([found]) from error


def take_field(body: object, *names: str) -> object:
    """The first of these fields that a body has; None if it has none."""
    if not isinstance(body, Mapping):
        return None
    return next((body[name] for name in names if body.get(name) is not None), None)
