"""What the user may change while the server runs, kept in SQLite as JSON by name."""

from typing import Self

from pydantic import BaseModel

from .db import Database
from .schemas.options import PreviewSettings, PreviewUpdate


class Preferences:
    """Typed access to the preferences table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get[M: BaseModel](self, name: str, shape: type[M]) -> M | None:
        """The stored value, or None when there is none (or one that an older version wrote differently)."""
        row = await self._database.read(
            lambda db: db.execute("SELECT value FROM preferences WHERE name = ?", (name,)).fetchone()
        )
        if row is None:
            return None
        try:
            return shape.model_validate_json(row["value"])
        except ValueError:
            return None

    async def set(self, name: str, value: BaseModel | None) -> None:
        """Store a value; None forgets it."""
        if value is None:
            await self._database.write(
                lambda db: db.execute("DELETE FROM preferences WHERE name = ?", (name,)).rowcount
            )
            return
        text = value.model_dump_json()
        await self._database.write(
            lambda db: db.execute("INSERT OR REPLACE INTO preferences VALUES (?, ?)", (name, text)).rowcount
        )


class PreviewPreference:
    """How previews are made, as the user left it."""

    NAME = "preview"

    def __init__(self, preferences: Preferences, stored: PreviewSettings | None) -> None:
        self._preferences = preferences
        self.current = stored or PreviewSettings()

    @classmethod
    async def read(cls, preferences: Preferences) -> Self:
        """With what the last run stored."""
        return cls(preferences, await preferences.get(cls.NAME, PreviewSettings))

    async def update(self, update: PreviewUpdate) -> PreviewSettings:
        """Change the fields that `update` carries."""
        settings = self.current.model_copy(update=update.model_dump(include=update.model_fields_set))
        await self._preferences.set(self.NAME, settings)
        self.current = settings
        return settings
