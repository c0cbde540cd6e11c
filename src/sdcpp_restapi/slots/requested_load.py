"""A load on its way to being the current model."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..errors import LoadReplaced
from ..schemas.events import ModelLoaded
from ..schemas.models import LoadRequest


class RequestedLoad:
    """A load and its answer. The answer is kept apart from the work, which goes on when nobody waits for it,
    and which is cancelled when another load takes its place."""

    def __init__(self, request: LoadRequest, *, at_start: bool = False) -> None:
        """`at_start`: the server loads it by itself when it starts."""
        self._asked_for = request
        self.request = request
        self.at_start = at_start
        self._answer: asyncio.Future[ModelLoaded] = asyncio.get_running_loop().create_future()
        self._answer.add_done_callback(_retrieve_exception)
        self._work: asyncio.Task[ModelLoaded] | None = None

    def begin(self, work: Coroutine[Any, Any, ModelLoaded]) -> asyncio.Task[ModelLoaded]:
        """Begin to carry it out. `work` may replace `request` by one that names all components."""
        self._work = asyncio.create_task(work)
        self._work.add_done_callback(self._give_answer)
        return self._work

    async def wait(self) -> ModelLoaded:
        """What became of it. Raises what the work raised, and LoadReplaced."""
        return await asyncio.shield(self._answer)

    def replace(self, reason: str) -> None:
        """End it, which has not begun to be read: its answer is LoadReplaced with this reason."""
        assert self._work is not None
        self._answer.set_exception(LoadReplaced(f"{self.request.model_name} was not loaded: {reason}"))
        self._work.cancel()

    def asks_for(self, request: LoadRequest) -> bool:
        """Whether whoever asked for it sent this request."""
        mine = self._asked_for
        return (
            mine.same_model(request)
            and mine.keep_alive == request.keep_alive
            and mine.model_fields_set == request.model_fields_set
        )

    def _give_answer(self, work: asyncio.Task[ModelLoaded]) -> None:
        if self._answer.done():
            return
        if work.cancelled():
            self._answer.cancel()
        elif error := work.exception():
            self._answer.set_exception(error)
        else:
            self._answer.set_result(work.result())


def _retrieve_exception(answer: asyncio.Future[ModelLoaded]) -> None:
    """Nobody may be left who waits for it; its error is in the log and in /health all the same."""
    if not answer.cancelled():
        answer.exception()
