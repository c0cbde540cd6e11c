"""The SHA-256 of model files that were computed so far: kept in SQLite, read from memory."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from ..db import Database


class Version(NamedTuple):
    """Size and date of a file: while both stay, its content is taken as unchanged."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The version of a file with this stat."""
        return cls(status.st_size, status.st_mtime_ns)


class KnownHash(NamedTuple):
    """A hash, and the version of the file that it belongs to."""

    version: Version
    sha256: str


class HashCache:
    """All hashes that are known. `known` is replaced by every change, never altered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.known: Mapping[str, KnownHash] = {}

    @classmethod
    async def read(cls, database: Database) -> Self:
        """The cache with what earlier runs stored."""
        digests = cls(database)
        rows = await database.read(
            lambda db: db.execute("SELECT path, size, mtime_ns, sha256 FROM model_digests").fetchall()
        )
        digests.known = {row[0]: KnownHash(Version(row[1], row[2]), row[3]) for row in rows}
        return digests

    def get(self, path: Path, version: Version) -> str | None:
        """The hash of this version of a file, if it was computed."""
        return sha256_of(self.known, str(path), version)

    async def put(self, path: Path, version: Version, sha256: str) -> None:
        """Store the hash of a file, in place of that of an older version."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT OR REPLACE INTO model_digests VALUES (?, ?, ?, ?)", (str(path), *version, sha256)
            )

        self.known = {**self.known, str(path): KnownHash(version, sha256)}
        await self._database.write_cache("the hash of a model", work)

    def find(self, path: Path) -> str | None:
        """The hash of a file as it is now, if it was computed. Raises OSError."""
        return self.get(path, Version.of(os.stat(path)))


def sha256_of(known: Mapping[str, KnownHash], path: str, version: Version) -> str | None:
    """The hash of this version of a file, None when it is not known or belongs to another version."""
    digest = known.get(path)
    return digest.sha256 if digest is not None and digest.version == version else None
