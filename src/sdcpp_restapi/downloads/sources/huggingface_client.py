"""The client that Hugging Face's library asks with: its requests go the way of all others, by Web."""

import asyncio

import httpx2
import huggingface_hub

from ..http_client import HttpClient


def use_for_library(web: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
    """Have the library send its requests, from whatever thread, by `web` in this event loop."""
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=_Through(web, loop)))


class _Through(httpx2.BaseTransport):
    """Only what the description of a file takes: requests without a body, answers without their body."""

    def __init__(self, web: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self._web = web
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask by `web`, whose failures pass through the library as they are."""
        assert request.method == "HEAD"
        asking = self._web.head(str(request.url), {"User-Agent": request.headers["User-Agent"]})
        answer = asyncio.run_coroutine_threadsafe(asking, self._loop).result()
        return httpx2.Response(answer.status_code, headers=answer.headers.raw, request=request)
