"""Server-sent events, with or without a name."""

import json

from fastapi.sse import format_sse_event
from pydantic import BaseModel

from ...api.error_handlers import respond_to
from ...errors import SdcppError
from ..error_shapes import openai_shape

# What ends a stream of the language model.
DONE = format_sse_event(data_str="[DONE]")


def format_event(data: BaseModel, name: str | None = None) -> bytes:
    """An event that carries JSON."""
    return format_sse_event(event=name, data_str=data.model_dump_json())


def format_failure(error: SdcppError) -> bytes:
    """The event that ends a stream which broke off."""
    body = json.loads(bytes(respond_to(error, openai_shape).body))
    return format_sse_event(event="error", data_str=json.dumps({"type": "error", **body}))
