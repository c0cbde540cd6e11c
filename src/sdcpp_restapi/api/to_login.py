"""A person whose browser opens an address without a session is led to the login page, and from there back."""

from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from .headers import find_header

LOGIN = "login"


def is_opened_by_person(scope: Scope) -> bool:
    """Whether a browser shows the answer as a page (it says so by Sec-Fetch); programs want the error."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and find_header(scope, b"sec-fetch-mode") == "navigate"
        and find_header(scope, b"sec-fetch-dest") == "document"
    )


def redirect_to_login(scope: Scope) -> Response:
    """Relative, so that it works behind any prefix; without the query, which may hold a key."""
    path: str = scope["path"].removeprefix("/")
    up = "../" * path.count("/") or "./"
    return RedirectResponse(f"{up}{LOGIN}?next={quote(path)}", 303, {"cache-control": "no-store"})
