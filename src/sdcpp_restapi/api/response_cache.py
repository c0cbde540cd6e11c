"""Answers kept as bytes for as long as nothing changed.

A page that a hundred clients poll is built once per change, not once per request.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from pydantic import BaseModel
from starlette.responses import Response

MOST_KEPT = 64


@dataclass(slots=True)
class _Kept:
    revision: int = -1
    body: bytes = b""
    building: asyncio.Lock = field(default_factory=asyncio.Lock)


class ResponseCache:
    """A small cache of rendered answers, each with the revision that it shows."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def answer(
        self, key: Hashable, revision: Callable[[], int], make: Callable[[], Awaitable[BaseModel]]
    ) -> Response:
        """The JSON answer for `key`; `make` runs only when `revision`, which only rises, has risen since.

        Who asks while an answer is being built waits for it, and builds another only if that one is too old.
        """
        asked = revision()
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if kept.revision < asked:
            async with kept.building:
                if kept.revision < asked:
                    now = revision()
                    kept.body, kept.revision = (await make()).model_dump_json().encode(), now
        return json_response(kept.body)


def json_response(content: bytes | str, status: int = 200) -> Response:
    """A JSON answer whose text is ready."""
    return Response(content, status, media_type="application/json")
