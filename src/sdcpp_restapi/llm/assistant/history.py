"""The conversation with the assistant, kept over restarts."""

import json
import sqlite3
import time

from ...db import Database
from ...schemas.assistant import Conversation, ConversationMessage


class ConversationStore:
    """The table of messages, in their order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, newest: int | None = None) -> Conversation:
        """All messages, or the newest ones; oldest first."""
        limit = -1 if newest is None else newest
        rows = await self._database.read(
            lambda db: db.execute(
                "SELECT said FROM assistant_messages ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        )
        messages = [ConversationMessage.model_validate_json(row["said"]) for row in reversed(rows)]
        return Conversation(messages=messages, count=len(messages))

    async def add(self, messages: list[ConversationMessage], most: int) -> None:
        """Add messages; those that are older than the newest `most` are deleted."""

        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                "INSERT INTO assistant_messages (said) VALUES (?)",
                [(message.model_dump_json(),) for message in messages],
            )
            _prune(db, most)

        await self._database.write(work)

    async def prune(self, most: int) -> None:
        """Keep no more than the newest `most`."""
        await self._database.write(lambda db: _prune(db, most))

    async def count(self) -> int:
        """How many messages there are."""
        (count,) = await self._database.read(
            lambda db: db.execute("SELECT count(*) FROM assistant_messages").fetchone()
        )
        return int(count)

    async def clear(self) -> None:
        """Delete all messages."""
        await self._database.write(lambda db: db.execute("DELETE FROM assistant_messages").rowcount)


def _prune(db: sqlite3.Connection, most: int) -> None:
    db.execute(
        "DELETE FROM assistant_messages WHERE id NOT IN"
        " (SELECT id FROM assistant_messages ORDER BY id DESC LIMIT ?)",
        (most,),
    )


def create_message(role: str, content: str, **more: object) -> ConversationMessage:
    """A message with the current time."""
    return ConversationMessage.model_validate(
        {"role": role, "content": content, "timestamp": int(time.time()), **more}
    )


def to_json(value: object) -> str:
    """Data as a language model reads it best: JSON on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)
