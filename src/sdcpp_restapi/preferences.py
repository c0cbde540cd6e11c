"""What the user may change while the server runs, kept in SQLite as JSON by name."""

from typing import Self

from pydantic import BaseModel

from .db import Database
from .schemas.options import (
    BoundedPreviewSettings,
    PreviewSettings,
    PreviewUpdate,
    StoredPreviewSettings,
)


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

    def __init__(self, preferences: Preferences, stored: StoredPreviewSettings | None, share: float) -> None:
        """`share` bounds their time, unless the user gave an interval."""
        self._preferences = preferences
        self._stored = stored or StoredPreviewSettings()
        self._share = share

    @classmethod
    async def read(cls, preferences: Preferences, share: float) -> Self:
        """With what the last run stored."""
        return cls(preferences, await preferences.get(cls.NAME, StoredPreviewSettings), share)

    @property
    def current(self) -> PreviewSettings:
        """The settings as clients see them."""
        return PreviewSettings.model_validate(self._stored.model_dump())

    def for_job(self) -> BoundedPreviewSettings:
        """The settings of a job that begins now."""
        share = 0.0 if self._stored.has_fixed_interval else self._share
        return BoundedPreviewSettings(**self._stored.model_dump(), share=share)

    async def update(self, update: PreviewUpdate) -> PreviewSettings:
        """Change the fields that `update` carries."""
        changes: dict[str, object] = update.model_dump(include=update.model_fields_set)
        if "interval" in changes:
            changes["interval_given"] = update.gives_interval
        stored = self._stored.model_copy(update=changes)
        await self._preferences.set(self.NAME, stored)
        self._stored = stored
        return self.current
