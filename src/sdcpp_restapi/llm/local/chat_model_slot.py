"""The slot for one chat model: loaded for the first request, unloaded after a time without requests."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import Context
from itertools import count
from pathlib import Path

from ...config import Llm
from ...errors import LlmFailed
from ...schemas.chat import Chat
from ...schemas.llama import Complete, Completed, Piece
from ...schemas.pipe import Refused, WaitPolicy
from .client import LlamaChild

log = logging.getLogger(__name__)

# Between two tokens, or in the middle of reading a conversation, a child stops in far less.
CANCEL_GRACE = 10.0


class ChatModelSlot:
    """One child at a time; who asks for another model has the first one ended."""

    def __init__(self, settings: Llm, wait: WaitPolicy = "auto") -> None:
        self._settings = settings
        self._wait: WaitPolicy = wait
        self._ids = count(1)
        self._lock = asyncio.Lock()
        self._path: Path | None = None
        # Not ended with the request that began it: a big model may take longer than that may wait.
        self._load: asyncio.Task[LlamaChild] | None = None
        self._unload_timer: asyncio.Task[None] | None = None

    async def stream(self, path: Path, chat: Chat) -> AsyncGenerator[Piece | Completed]:
        """The pieces of the answer, then all of it. Waits for its turn, and for the model.

        Raises LlmFailed; the next call starts afresh where the child died.
        """
        async with self._lock:
            self._cancel_unload()
            try:
                child = await self._ensure_child(path)
                call_id = next(self._ids)
                command = Complete(id=call_id, chat=chat)
                async with aclosing(child.call(command, call_id, CANCEL_GRACE)) as reports:
                    async for report in reports:
                        if isinstance(report, Refused):
                            raise LlmFailed(report.error.message)
                        if isinstance(report, Piece | Completed):
                            yield report
            finally:
                self._unload_timer = asyncio.create_task(self._unload_later(), context=Context())

    async def close(self) -> None:
        """End the child, and with it what it is doing."""
        self._cancel_unload()
        await self._unload()

    async def _ensure_child(self, path: Path) -> LlamaChild:
        if not self._holds(path):
            await self._unload()
            self._path = path
            self._load = asyncio.create_task(LlamaChild.start(self._settings, path, self._wait))
            self._load.add_done_callback(_retrieve_exception)
        assert self._load is not None
        return await asyncio.shield(self._load)

    def _holds(self, path: Path) -> bool:
        if self._load is None or self._path != path:
            return False
        if not self._load.done():
            return True
        failed = self._load.cancelled() or self._load.exception() is not None
        return not failed and not self._load.result().gone.is_set()

    async def _unload(self) -> None:
        load = self._load
        if load is None:
            return
        load.cancel()  # ends a child that still reads; nothing happens to one that is ready
        await asyncio.wait({load})
        if not load.cancelled() and load.exception() is None:
            await load.result().close()
            log.info("the language model was unloaded")
        self._load = None

    async def _unload_later(self) -> None:
        await asyncio.sleep(self._settings.unload_after)
        async with self._lock:
            await self._unload()

    def _cancel_unload(self) -> None:
        if self._unload_timer is not None:
            self._unload_timer.cancel()
            self._unload_timer = None


def _retrieve_exception(load: asyncio.Task[LlamaChild]) -> None:
    """Mark a failed load's exception as seen: whoever waited for the load may be gone."""
    if not load.cancelled():
        load.exception()
