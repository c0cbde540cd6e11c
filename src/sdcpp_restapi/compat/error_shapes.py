"""How other programs tell errors.

They lie beside the interfaces: what is refused before any route has the shape too, and imports none of them.
"""

import re

from starlette.responses import JSONResponse, Response

from ..schemas.errors import ErrorInfo

# Programs compare these codes of OpenAI's with what they got.
_OPENAI_CODES = {"unauthorized": "invalid_api_key"}
# Where the message alone names the field.
_FIELD = re.compile(r"([a-z][a-z_0-9.]*): ")
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def openai_shape(error: ErrorInfo, status: int) -> Response:
    """{"error": {"message", "type", "param", "code"}}.

    A model that does not exist is a 404 there. Its clients repeat a request that was answered with 500: here
    that would only draw the same failure again, so they are told not to.
    """
    status = 404 if error.code == "model_not_found" else status
    kind = _OPENAI_TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    told = {
        "message": error.message,
        "type": kind,
        "param": error.field or _find_field(error),
        "code": _OPENAI_CODES.get(error.code, error.code),
    }
    return JSONResponse({"error": told}, status, {"x-should-retry": "false"} if status == 500 else None)


def _find_field(error: ErrorInfo) -> str | None:
    match = _FIELD.match(error.message) if error.code == "bad_request" else None
    return match[1] if match else None


def comfyui_shape(error: ErrorInfo, status: int) -> Response:
    """{"error": {"type", "message", "details", "extra_info"}, "node_errors": {}}."""
    info = {"field": error.field} if error.field else {}
    told = {"type": error.code, "message": error.message, "details": "", "extra_info": info}
    return JSONResponse({"error": told, "node_errors": {}}, status)


def a1111_shape(error: ErrorInfo, status: int) -> Response:
    """As the web UI tells what broke in an API call."""
    return a1111_answer(status, error.code, error.message, error.message)


def a1111_answer(status: int, kind: str, detail: object, text: str) -> Response:
    """{"error", "detail", "body", "errors"}; `detail` may be a list, of which `text` is one sentence."""
    return JSONResponse({"error": kind, "detail": detail, "body": "", "errors": text}, status)
