"""Which jobs are in the trash, and what files take: columns of the jobs table, by statements of trash.sql."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib import resources
from typing import Any, NamedTuple

import aiosql

from ...db import Database
from ...requester import seen_user
from ...schemas.trash import Place

_sql = aiosql.from_str(resources.files(__package__).joinpath("trash.sql").read_text("utf-8"), "sqlite3")


class Sizes(NamedTuple):
    """Bytes of files."""

    outputs: int = 0
    inputs: int = 0


class TrashStore:
    """Finished jobs on their way out of the queue, and back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_in_use(self, ids: Iterable[str]) -> dict[str, str]:
        """Of these jobs those that can't be deleted, and why; of others' jobs nothing is told."""
        text, user = _to_json(ids), seen_user()

        def work(db: sqlite3.Connection) -> dict[str, str]:
            waited_for = {
                row["id"]: f"{row['by']} waits for it" for row in _sql.waited_for(db, ids=text, user=user)
            }
            return waited_for | {row["id"]: row["status"] for row in _sql.unfinished(db, ids=text, user=user)}

        return await self._database.read(work)

    async def throw_away(self, ids: Iterable[str]) -> dict[str, str]:
        """From the queue into the trash what the request may see; those that went, with their users."""
        return await self._move(_sql.throw_away, ids=_to_json(ids), now=_to_text(datetime.now(UTC)))

    async def take_back(self, ids: Iterable[str]) -> dict[str, str]:
        """From the trash into the queue in the same way."""
        return await self._move(_sql.take_back, ids=_to_json(ids))

    async def mark_purged(self, ids: Iterable[str]) -> dict[str, str]:
        """From queue and trash to where only `forget` leads out of, in the same way."""
        return await self._move(_sql.give_up, ids=_to_json(ids), now=_to_text(datetime.now(UTC)))

    async def forget(self, ids: Iterable[str]) -> None:
        """Delete the rows of jobs that were given up."""
        text = _to_json(ids)

        def work(db: sqlite3.Connection) -> None:
            _sql.unlink_followers(db, ids=text)
            _sql.forget(db, ids=text)

        await self._database.write(work)

    async def list_in(self, place: Place) -> list[str]:
        """The jobs in a place."""
        return await self._read(_sql.all_in, place=place)

    async def filter_in(self, ids: Iterable[str], place: Place) -> list[str]:
        """Those that are in a place."""
        return await self._read(_sql.among, ids=_to_json(ids), place=place)

    async def filter_unknown(self, ids: Iterable[str]) -> list[str]:
        """Those that no job has."""
        return await self._read(_sql.unknown, ids=_to_json(ids))

    async def list_deleted_before(self, moment: datetime, limit: int) -> list[str]:
        """Jobs that have been in the trash since before, the first ones first."""
        return await self._read(_sql.deleted_before, moment=_to_text(moment), limit=limit)

    async def list_ended_before(self, moment: datetime, limit: int) -> list[str]:
        """Jobs of the queue that ended before and that nobody waits for, the first ones first."""
        return await self._read(_sql.ended_before, moment=_to_text(moment), limit=limit)

    async def oldest(self, place: Place, excess: int, limit: int) -> list[str]:
        """The oldest jobs of a place whose outputs take `excess` bytes together, as far as there are any."""
        rows = await self._database.read(lambda db: list(_sql.oldest(db, place=place, limit=limit)))
        chosen: list[str] = []
        for row in rows:
            if excess <= 0:
                break
            chosen.append(row["id"])
            excess -= row["output_bytes"]
        return chosen

    async def list_unmeasured(self, limit: int) -> list[str]:
        """Finished jobs whose size is not known."""
        return await self._read(_sql.unmeasured, limit=limit)

    async def keep_sizes(self, sizes: dict[str, Sizes]) -> None:
        """Remember what jobs take."""
        rows = [
            {"id": job_id, "output_bytes": size.outputs, "input_bytes": size.inputs}
            for job_id, size in sizes.items()
        ]
        await self._database.write(lambda db: _sql.keep_size(db, rows))

    async def sizes(self) -> dict[Place, Sizes]:
        """What all measured jobs of each place take together."""
        rows = await self._database.read(lambda db: list(_sql.sizes(db)))
        return {row["place"]: Sizes(row["output_bytes"] or 0, row["input_bytes"] or 0) for row in rows}

    async def _read(self, statement: Callable[..., Any], **values: object) -> list[str]:
        return await self._database.read(lambda db: [row["id"] for row in statement(db, **values)])

    async def _move(self, statement: Callable[..., Any], **values: object) -> dict[str, str]:
        user = seen_user()
        return await self._database.write(
            lambda db: {row["id"]: row["user"] for row in statement(db, user=user, **values)}
        )


def _to_json(ids: Iterable[str]) -> str:
    return json.dumps(list(ids))


def _to_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
