"""Requests that may come twice: the second one with an Idempotency-Key gets the answer of the first."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import NamedTuple
from weakref import WeakValueDictionary

import aiosql
from pydantic import BaseModel

from ...db import Database
from ...errors import IdempotencyKeyReused
from . import rows

_sql = aiosql.from_str(
    resources.files(__package__).joinpath("request_keys.sql").read_text("utf-8"), "sqlite3"
)

# How long an answer is kept, whatever becomes of its job.
KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class RequestKey:
    """What a client calls its request; `digest` tells two requests with the same key apart."""

    key: str
    digest: str


class KeyedAnswer(NamedTuple):
    """The JSON text of an answer, and whether it was given before."""

    text: str
    replayed: bool


class RequestKeys:
    """The answers of the last day."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_hand: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer_once(
        self, key: RequestKey, submit: Callable[[RequestKey], Awaitable[BaseModel]]
    ) -> KeyedAnswer:
        """The first answer to this request; `submit` makes it, and stores it together with the job.

        A request that comes while the first one is worked on waits for it. Raises IdempotencyKeyReused, and
        what `submit` raises: then nothing is kept, and the request may be tried again.
        """
        lock = self._in_hand.setdefault(key.key, asyncio.Lock())
        async with lock:
            kept = await self._database.read(lambda db: _sql.find(db, key=key.key, since=_since()))
            if kept is None:
                return KeyedAnswer((await submit(key)).model_dump_json(), replayed=False)
            if kept["digest"] != key.digest:
                sent = key.key.rpartition(" ")[2]  # behind the user
                raise IdempotencyKeyReused(
                    f"Idempotency-Key: {sent[:60]!r} came with another request in the last 24 hours;"
                    " a new request needs a new key",
                    field="Idempotency-Key",
                )
            return KeyedAnswer(kept["answer"], replayed=True)


def keep(db: sqlite3.Connection, key: RequestKey, answer: BaseModel) -> None:
    """Keep an answer, in the transaction that stores its job, and forget those that are too old."""
    _sql.forget(db, since=_since())
    _sql.keep(db, key=key.key, digest=key.digest, answer=answer.model_dump_json(), created_at=rows.now())


def _since() -> str:
    return rows.to_text(datetime.now(UTC) - KEPT)
