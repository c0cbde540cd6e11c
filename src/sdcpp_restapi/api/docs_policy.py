"""The policy of the pages that describe the API: their own files and scripts, and nothing from elsewhere."""

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc")
_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
# Both tools make styles while they run; ReDoc searches in a worker that it makes of text.
_POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)


class DocsPolicy:
    """ASGI middleware: adds the policy, with the hashes of the scripts that are written into the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the head of the answer waits for the body, which is short."""
        if scope["type"] != "http" or scope["path"] not in PAGES:
            await self._app(scope, receive, send)
            return
        head: Message = {}

        async def send_with_policy(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                head = message
                return
            if head:
                headers = MutableHeaders(scope=head)
                headers["content-security-policy"] = _write_policy(message.get("body", b""))
                headers["x-content-type-options"] = "nosniff"
                await send(head)
                head = {}
            await send(message)

        await self._app(scope, receive, send_with_policy)


def _write_policy(page: bytes) -> str:
    digests = (base64.b64encode(hashlib.sha256(text).digest()).decode() for text in _INLINE.findall(page))
    return _POLICY.format(hashes=" ".join(f"'sha256-{digest}'" for digest in digests if digest))
