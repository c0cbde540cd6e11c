"""One shape for every error: {"error": "...", "code": "..."}, with "success": false for language models.

Below the addresses of an interface of another program errors have that program's shape.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from ..errors import LlmFailed, SdcppError
from ..schemas.addresses import hide_secrets
from ..schemas.errors import ErrorInfo
from ..schemas.llm_settings import LlmFailure
from ..schemas.options import ErrorBody
from .methods import list_allowed
from .response_cache import json_response

log = logging.getLogger(__name__)

# How much of a bad value an answer repeats: enough to recognise it.
LONGEST_SHOWN = 60
# Fields whose value is repeated nowhere, be it good or bad.
SECRETS = ("api_key", "key", "webhook_url", "webhook_secret")
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "The request is not valid; the text names field and value"},
    404: {"model": ErrorBody, "description": "Not found"},
}


type ErrorShape = Callable[[ErrorInfo, int], Response]
"""Makes the answer for an error with this HTTP status."""


def our_shape(error: ErrorInfo, status: int) -> Response:
    """The shape of this server's own interface."""
    body = ErrorBody(error=error.message, code=error.code, field=error.field)
    return json_response(body.model_dump_json(), status)


def find_shape(scope: Scope) -> ErrorShape:
    """That of the interface below whose addresses a request is."""
    app, path = scope.get("app"), scope.get("path", "")
    shapes: Mapping[str, ErrorShape] = getattr(app.state, "error_shapes", {}) if app else {}
    return next(
        (shape for prefix, shape in shapes.items() if path == prefix or path.startswith(f"{prefix}/")),
        our_shape,
    )


def error_response(
    message: str, status: int, code: str, field: str | None = None, shape: ErrorShape = our_shape
) -> Response:
    """The answer for something that went wrong outside of our own errors."""
    return shape(ErrorInfo(code=code, message=hide_secrets(message), field=field), status)


def respond_to(error: SdcppError, shape: ErrorShape = our_shape) -> Response:
    """The answer for an error of ours."""
    prefix = error.answer_prefix if shape is our_shape else ""
    answer = error_response(prefix + str(error), error.status, error.code, error.field, shape)
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


def install_error_handlers(app: Starlette, shapes: Mapping[str, ErrorShape] | None = None) -> None:
    """Make every error of `app` look the same; below the addresses of `shapes`, as these say."""
    if shapes is not None:
        app.state.error_shapes = shapes
    app.add_exception_handler(SdcppError, _handle_own_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_exception_handler(Exception, _handle_unexpected)


def describe_errors(app: FastAPI) -> None:
    """Have the description of the interface name the errors that there are."""
    describe = app.openapi
    app.openapi = lambda: _remove_422(describe())  # type: ignore[method-assign]


def _remove_422(description: dict[str, Any]) -> dict[str, Any]:
    """FastAPI describes an answer that this server never gives."""
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
    return description


def validate[M: BaseModel](shape: type[M], body: object) -> M:
    """A body whose shape the route chooses, refused as FastAPI refuses those that it knows."""
    try:
        return shape.model_validate(body, from_attributes=True)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


async def _handle_own_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SdcppError)
    shape = find_shape(request.scope)
    if isinstance(error, LlmFailed) and shape is our_shape:
        return json_response(
            LlmFailure(error=hide_secrets(str(error)), code=error.code).model_dump_json(), error.status
        )
    return respond_to(error, shape)


async def _handle_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond_to_invalid(error, find_shape(request.scope))


def respond_to_invalid(error: RequestValidationError, shape: ErrorShape) -> Response:
    """The answer for a request of another shape."""
    details = error.errors()
    field = _join_path(details[0]) or None
    text = "; ".join(_describe(detail) for detail in details)
    return error_response(text, 400, "invalid_request", field, shape)


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    shape = find_shape(request.scope)
    # FastAPI wraps whatever goes wrong while it reads a body.
    if isinstance(error.__cause__, SdcppError):
        return respond_to(error.__cause__, shape)
    if isinstance(error.__cause__, UnicodeDecodeError | RecursionError):
        text = f"The body is not valid JSON: {error.__cause__}"
        return error_response(text, 400, "invalid_json", shape=shape)
    # "Not Found" -> "Not found", as the API spells it
    text = str(error.detail).capitalize()
    answer = error_response(text, error.status_code, text.lower().replace(" ", "_"), shape=shape)
    if error.status_code == 405:
        answer.headers["allow"] = ", ".join(list_allowed(request.app.router.routes, request.scope))
    return answer


async def _handle_unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    text = f"Internal error: {type(error).__name__}"
    return error_response(text, 500, "internal_error", shape=find_shape(request.scope))


def _join_path(detail: dict[str, Any]) -> str:
    return ".".join(str(part) for part in detail["loc"] if part not in ("body", "query", "path"))


def _describe(detail: dict[str, Any]) -> str:
    where = _join_path(detail)
    kind = detail["type"]
    if kind == "json_invalid":
        return f"The body is not valid JSON: {detail['ctx']['error']}"
    # The API document tells an empty name in the words of a missing one.
    if kind == "missing" or (where.rpartition(".")[2] == "model_name" and detail["input"] == ""):
        return f"{where} is required" if where else "A JSON body is required"
    if not where and kind == "model_attributes_type":
        return "The body must be a JSON object"
    message = detail["msg"].removeprefix("Value error, ")
    if not where:
        return str(message)
    if where in SECRETS:
        return f"{where}: this value is not allowed: {message}"
    return f"{where}: {shorten(detail['input'])} is not allowed: {message}"


def shorten(value: object) -> str:
    """A value that is refused, as answers repeat it: cut off, and without secrets."""
    text = hide_secrets(repr(value))  # before a part is cut off that tells what is one
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
