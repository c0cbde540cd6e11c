"""What clients of Ollama send to draw a picture."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from ...schemas.base import Integer, Request
from ...schemas.keep_alive import KeepAlive


def _empty_means_none(value: object) -> object:
    return None if value == "" else value


class GenerateBody(Request):
    """POST /api/generate. A field that is left out, null, empty or 0 asks for nothing."""

    model: str = Field(min_length=1)
    prompt: str = ""
    width: Integer = Field(0, ge=0)
    height: Integer = Field(0, ge=0)
    steps: Integer = Field(0, ge=0)
    images: list[str] = Field([], max_length=16)
    options: dict[str, object] = {}
    stream: bool = True
    keep_alive: Annotated[KeepAlive | None, BeforeValidator(_empty_means_none)] = None


class ModelBody(Request):
    """A request that names a model; older clients call it `name`."""

    model: str = ""
    name: str = ""
