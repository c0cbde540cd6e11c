"""Serving the page: files with the headers that keep strangers out, or a sentence where it was not built."""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

FILES = Path(__file__).parent / "static"

# Scripts, styles and pictures of this server only. Vue sets styles through the DOM, which this allows.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>SDCPP</title>
<h1>The page is not here</h1>
<p>This server was installed while the npm registry could not be reached, so its web page was not made.
Everything else works: <a href="../docs">the API</a>, <a href="../output">the pictures</a>.</p>
<p>To make the page, in the folder of the server: <code>.venv/bin/python hatch_build.py</code>; for an
installed package: install it again.</p>
"""


class Page:
    """ASGI application for everything under /ui."""

    def __init__(self, files: Path = FILES) -> None:
        self._folder = files
        self._files = StaticFiles(directory=files, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope)
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "same-origin"
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        if not (self._folder / "index.html").is_file():
            return HTMLResponse(MISSING, status_code=404)
        path = self._files.get_path(scope)
        # Vite puts a digest into the names of what it builds, never into that of the page itself.
        lasting = path.startswith("assets/")
        takes_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        compressed = lasting and takes_gzip and (self._folder / f"{path}.gz").is_file()
        answer = await self._files.get_response(f"{path}.gz" if compressed else path, scope)
        if compressed:
            answer.headers["Content-Encoding"] = "gzip"
        if lasting:
            answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return answer
