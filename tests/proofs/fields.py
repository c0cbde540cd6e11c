"""Every field that a client may send, as the interface's own description has it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sdcpp_restapi.app import create_app
from sdcpp_restapi.config import Settings

type Schema = dict[str, Any]

# Endpoints whose short name is not their path.
SHORT = {
    "/models/load": "load",
    "/models/download": "download",
    "/models/pull": "pull",
    "/upscaler/load": "upscaler_load",
    "/preview/settings": "preview",
    "/models/resolve": "resolve",
    "/models/{model_type}/{model_name}": "model",
    "/models/{model_type}/{model_name}/picture": "model_picture",
    "/models/trash": "model_trash",
    "/models/trash/restore": "model_restore",
    "/users/{name}": "user",
}


@dataclass(frozen=True)
class Field:
    """One field; `name` is endpoint.field, as markers spell it."""

    endpoint: str
    name: str
    kind: str
    default: str


def fields() -> list[Field]:
    """All of them, in the order of the description."""
    description = create_app(Settings()).openapi()
    schemas: dict[str, Schema] = description["components"]["schemas"]
    return [
        field
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
        for field in _of_object(_body(operation), f"{method.upper()} {path}", _short(path), schemas)
    ]


def _short(path: str) -> str:
    return SHORT.get(path, path.strip("/").replace("/", "_"))


def _body(operation: Schema) -> Schema:
    schema: Schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


def _of_object(schema: Schema, endpoint: str, short: str, schemas: dict[str, Schema]) -> Iterator[Field]:
    """An object that always is inside of another one, as `options` are, gives its fields to the endpoint."""
    found = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for name, inner in found.get("properties", {}).items():
        if "$ref" in inner:
            yield from _of_object(inner, endpoint, short, schemas)
        else:
            default = "" if name in found.get("required", []) else json.dumps(inner.get("default"))
            yield Field(endpoint, f"{short}.{name}", _kind(inner), default or "required")


def _kind(schema: Schema) -> str:
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_kind(one) for one in choices if one.get("type") != "null")
    if "$ref" in schema:
        return "object"
    if "enum" in schema:
        return ", ".join(str(value) or "empty" for value in schema["enum"])
    if schema.get("type") == "array":
        most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"list of ({_kind(schema['items'])}){most}"
    return " ".join([str(schema.get("type", "anything")), *_bounds(schema)])


def _bounds(schema: Schema) -> Iterator[str]:
    words = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    for keyword, sign in words.items():
        if (bound := schema.get(keyword)) is not None:
            yield f"{sign} {int(bound) if bound == int(bound) else bound}"
