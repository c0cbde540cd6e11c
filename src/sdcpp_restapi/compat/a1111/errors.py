"""Errors as the web UI answers them: `detail` is the sentence, as in all that FastAPI refuses."""

import logging
import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ...api.error_handlers import shorten
from ...api.methods import list_allowed
from ...errors import LoadFailed, ModelNotFound, NoModelLoaded, SdcppError
from ...schemas.addresses import hide_secrets
from ..error_shapes import a1111_answer

log = logging.getLogger(__name__)

# Our fields -> those of the client, for sentences that were written for our own API.
_FIELDS = {
    "batch_count": "n_iter x batch_size",
    "strength": "denoising_strength",
    "sampler": "sampler_name",
    "init_image_base64": "init_images",
    "mask_image_base64": "mask",
    "img_cfg_scale": "image_cfg_scale",
    "ref_images": "extra_images",
    "hires": "enable_hr",
    "hires_upscaler": "hr_upscaler",
    "hires_model": "hr_upscaler",
    "hires_scale": "hr_scale",
    "hires_width": "hr_resize_x",
    "hires_height": "hr_resize_y",
    "hires_steps": "hr_second_pass_steps",
    "hires_strength": "denoising_strength",
    "control_image_base64": "controlnet image",
    "control_strength": "controlnet weight",
    "circular_x": "tiling",
    "circular_y": "tiling",
    "distilled_guidance": "distilled_cfg_scale",
    "output_format": "samples_format",
    "image_base64": "image",
    "upscale_factor": "upscaling_resize",
}
_OUR_FIELD = re.compile(rf"(?<![\w.])(?:{'|'.join(_FIELDS)})(?![\w.])")
_NO_MODEL = "No model loaded: choose one with sd_model_checkpoint in POST /sdapi/v1/options"


def rename_fields(text: str) -> str:
    """A sentence of ours with the names that the client knows; what follows a colon may be the client's."""
    about, colon, rest = text.partition(":")
    return _OUR_FIELD.sub(lambda found: _FIELDS[found[0]], about) + colon + rest


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of `app` look as the web UI's do."""
    app.add_exception_handler(SdcppError, _handle_own_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_exception_handler(Exception, _handle_unexpected)


def _respond_to(error: SdcppError) -> Response:
    status, text = error.status, rename_fields(hide_secrets(str(error)))
    if isinstance(error, NoModelLoaded):
        status, text = 503, _NO_MODEL
    elif isinstance(error, ModelNotFound | LoadFailed):
        status = 400  # 500 in our own API, though it is the request's fault
    answer = a1111_answer(status, type(error).__name__, text, text)
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


async def _handle_own_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SdcppError)
    return _respond_to(error)


async def _handle_invalid_request(_request: Request, error: Exception) -> Response:
    """As FastAPI answers: a list of places and messages, here with the value that is at fault."""
    assert isinstance(error, RequestValidationError)
    details = [
        {"loc": _place_of(one), "msg": rename_fields(_describe(one)), "type": one["type"]}
        for one in error.errors()
    ]
    text = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in details)
    return a1111_answer(422, "RequestValidationError", details, text)


def _place_of(detail: dict[str, Any]) -> list[str | int]:
    """Where in the request something is wrong; requests of our own that were made from it have no place."""
    place = [rename_fields(part) if isinstance(part, str) else part for part in detail["loc"]]
    return place if place[:1] in (["body"], ["query"], ["path"]) else ["body", *place]


def _describe(detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "json_invalid":
        return f"The body is not valid JSON: {detail['ctx']['error']}"
    if detail["type"] == "missing":
        return message
    return f"{shorten(detail['input'])} is not allowed: {message}"


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # FastAPI wraps whatever goes wrong while it reads a body.
    if isinstance(error.__cause__, SdcppError):
        return _respond_to(error.__cause__)
    text = str(error.detail)
    if isinstance(error.__cause__, UnicodeDecodeError | RecursionError):
        text = f"The body is not valid JSON: {error.__cause__}"
    answer = a1111_answer(error.status_code, "HTTPException", text, text)
    if error.status_code == 405:
        answer.headers["allow"] = ", ".join(list_allowed(request.app.router.routes, request.scope))
    return answer


async def _handle_unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    text = f"Internal error: {type(error).__name__}"
    return a1111_answer(500, type(error).__name__, text, text)
