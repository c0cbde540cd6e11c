"""Answers kept as bytes for as long as nothing changed.

A page that a hundred clients poll is built once per change, not once per request.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from pydantic import BaseModel
from starlette.responses import Response

MOST_KEPT = 64


class Snapshots:
    """A small cache of rendered answers, each with the revision that it shows."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[Hashable, bytes]] = OrderedDict()

    async def answer(
        self, key: Hashable, revision: Callable[[], Hashable], make: Callable[[], Awaitable[BaseModel]]
    ) -> Response:
        """The JSON answer for `key`; `make` runs only when `revision` differs from the kept one's."""
        now = revision()
        kept = self._kept.get(key)
        if kept is None or kept[0] != now:
            kept = now, (await make()).model_dump_json().encode()
            self._kept[key] = kept
            self._kept.move_to_end(key)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return json_response(kept[1])


def json_response(content: bytes | str, status: int = 200) -> Response:
    """A JSON answer whose text is ready."""
    return Response(content, status, media_type="application/json")
