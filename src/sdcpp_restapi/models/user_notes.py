"""Notes and tags of users for model files: kept in SQLite, read from memory."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Self

from ..db import Database
from ..schemas.model_housekeeping import UserNotes
from ..schemas.model_types import ModelType

NOTHING = UserNotes()
type ModelKey = tuple[ModelType, str]


class UserNotesStore:
    """All notes. `known` is replaced by every change, never altered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.known: Mapping[ModelKey, UserNotes] = {}

    @classmethod
    async def read(cls, database: Database) -> Self:
        """The store with what earlier runs stored."""
        store = cls(database)
        rows = await database.read(
            lambda db: db.execute("SELECT type, name, notes, tags FROM model_notes").fetchall()
        )
        store.known = {(row[0], row[1]): UserNotes(notes=row[2], tags=json.loads(row[3])) for row in rows}
        return store

    def get(self, key: ModelKey) -> UserNotes:
        """What was written about a model."""
        return self.known.get(key, NOTHING)

    async def put(self, key: ModelKey, notes: UserNotes) -> None:
        """Write about a model, in place of what was written before. Raises StorageUnavailable."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM model_notes WHERE type = ? AND name = ?", key)
            if notes != NOTHING:
                row = (*key, notes.notes, json.dumps(notes.tags))
                db.execute("INSERT INTO model_notes VALUES (?, ?, ?, ?)", row)

        await self._database.write(work)
        others = {one: text for one, text in self.known.items() if one != key}
        self.known = others if notes == NOTHING else {**others, key: notes}

    async def move(self, old: ModelKey, new: ModelKey) -> None:
        """What was written about a file that has another name now."""
        notes = self.get(old)
        await self.put(old, NOTHING)
        await self.put(new, notes)
