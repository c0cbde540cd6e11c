"""Logging in with a browser: a key becomes a session, whose cookie no script can read."""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers

from ...errors import BadRequest, WrongKey
from ...schemas.access import LoggedIn, LoginRequest
from ...schemas.models import Done
from .. import examples_access as examples
from ..app_state import State
from ..credentials import CookieNames, find_cookie, make_cookie
from ..error_handlers import ERRORS
from ..headers import client_address

router = APIRouter(tags=["Keys"], responses=ERRORS)

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_SECONDS_A_DAY = 24 * 3600


@router.get("/login", response_class=HTMLResponse, include_in_schema=False)
async def login_page() -> Response:
    """A page that asks for a key."""
    text, headers = _read_page()
    return HTMLResponse(text, headers=headers)


@router.post("/login", responses={401: ERRORS[400]})
async def log_in(
    body: Annotated[LoginRequest, Body(openapi_examples=examples.LOGIN)],
    request: Request,
    response: Response,
    state: State,
) -> LoggedIn:
    """Begin a session: the answer sets its cookie, with which the browser may do what the key may.

    It acts for pages of this server only, and ends with `POST /logout`, with its key, or after
    `server.session_days`.
    """
    if not state.access.required:
        raise BadRequest("This server asks for no key: everybody who reaches it may do everything")
    made = await state.access.log_in(body.key.get_secret_value(), client_address(request.scope))
    if made is None:
        raise WrongKey
    session, secret = made
    seconds = round(state.settings.server.session_days * _SECONDS_A_DAY)
    name = CookieNames(state.settings.server.port).session
    response.headers["set-cookie"] = make_cookie(request.scope, name, secret, seconds)
    response.headers["cache-control"] = "no-store"
    return session


@router.post("/logout")
async def log_out(request: Request, response: Response, state: State) -> Done:
    """End the session whose cookie comes along; without one there is nothing to do."""
    name = CookieNames(state.settings.server.port).session
    secret = find_cookie(Headers(scope=request.scope), name)
    session = state.access.sessions.find(secret) if secret else None
    if session is not None:
        await state.access.end_session(session.id)
    response.headers["set-cookie"] = make_cookie(request.scope, name, "", 0)
    return Done(message="Logged out")


@cache
def _read_page() -> tuple[str, dict[str, str]]:
    """The page, and its headers: a policy that lets nothing run but what is written into it."""
    text = resources.files("sdcpp_restapi.api").joinpath("login.html").read_text("utf-8")
    inline = {kind: _hash_source(source) for kind, source in _INLINE.findall(text)}
    policy = (
        f"default-src 'none'; script-src {inline['script']}; style-src {inline['style']}; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return text, headers


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
