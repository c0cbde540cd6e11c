"""Keys, sessions and users, as rows by the statements of access.sql. What requests ask for lies in memory."""

import secrets
import sqlite3
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import aiosql

from ..db import Database
from ..errors import NameInUse

_sql = aiosql.from_str(resources.files(__package__).joinpath("access.sql").read_text("utf-8"), "sqlite3")


def to_text(moment: datetime) -> str:
    """A moment as text that sorts by time."""
    return moment.isoformat(timespec="milliseconds")


class AccessStore:
    """Reads everything once, and stores each change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, statement: str, **values: object) -> list[Any]:
        """The rows of a statement of access.sql."""
        return await self._database.read(lambda db: list(getattr(_sql, statement)(db, **values)))

    async def write(self, statement: str, **values: object) -> None:
        """Carry out a statement of access.sql. Raises NameInUse where a name must be the only one."""
        try:
            await self._database.write(lambda db: getattr(_sql, statement)(db, **values))
        except sqlite3.IntegrityError as error:
            raise NameInUse(f"name: {values.get('name')!r} is in use", field="name") from error

    async def keep_uses(self, uses: dict[str, datetime]) -> None:
        """Remember when keys were used last; a disk that is full loses it."""
        rows = [{"id": key_id, "last_used_at": to_text(moment)} for key_id, moment in uses.items()]
        await self._database.write_cache("the use of keys", lambda db: _sql.keep_use(db, rows))

    async def signing_secret(self) -> bytes:
        """32 random bytes, made at the first start."""

        def find_or_make(db: sqlite3.Connection) -> bytes:
            _sql.make_secret(db, secret=secrets.token_bytes(32))
            return bytes(_sql.secret(db)["secret"])

        return await self._database.write(find_or_make)


def moment_of(seconds: float) -> datetime:
    """A moment in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
