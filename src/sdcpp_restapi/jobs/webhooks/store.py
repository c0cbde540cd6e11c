"""Webhooks and their messages in SQLite; triggers store a message with the change of state that it tells."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import aiosql

from ...db import Database
from ...schemas.addresses import HIDDEN
from ...schemas.jobs import Job
from ...schemas.webhooks import WebhookDelivery, WebhookView
from ..queue import rows

_sql = aiosql.from_str(resources.files(__package__).joinpath("webhooks.sql").read_text("utf-8"), "sqlite3")


@dataclass(frozen=True)
class WebhookMessage:
    """One state of a job that is still to be told."""

    id: str
    job_id: str
    event: str
    created_at: datetime
    attempts: int
    due_at: datetime
    url: str
    secret: str | None


class WebhookStore:
    """The tables webhooks and webhook_messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_waiting(self, limit: int, in_hand: Collection[str]) -> list[WebhookMessage]:
        """The messages that are next, due or not, without those of these ids."""
        ids = json.dumps(list(in_hand))
        found = await self._database.read(lambda db: list(_sql.waiting(db, limit=limit, in_hand=ids)))
        return [_message_of(row) for row in found]

    async def find_job(self, job_id: str) -> Job | None:
        """A job wherever it is, in the trash too. Raises JobDamaged."""
        row = await self._database.read(lambda db: _sql.job(db, id=job_id))
        return rows.job_of(row) if row else None

    async def record(self, message: WebhookMessage, error: str | None, next_at: datetime | None) -> None:
        """An attempt was made; without `next_at` it was the last one."""
        due_at = rows.to_text(next_at) if next_at else None
        await self._database.write(lambda db: _sql.record(db, id=message.id, due_at=due_at, error=error))

    async def describe(self, job_id: str) -> WebhookView | None:
        """The webhook of a job, if it has one."""

        def read(db: Any) -> tuple[Any, list[Any]]:
            webhook = _sql.webhook(db, job_id=job_id)
            return webhook, list(_sql.messages(db, job_id=job_id)) if webhook else []

        webhook, messages = await self._database.read(read)
        if webhook is None:
            return None
        return WebhookView(
            url=_hide_path(webhook["url"]),
            events=json.loads(webhook["events"]),
            signed=bool(webhook["signed"]),
            deliveries=[_delivery_of(row) for row in messages],
        )


def _message_of(row: Any) -> WebhookMessage:
    moments = {name: datetime.fromisoformat(row[name]) for name in ("created_at", "due_at")}
    return WebhookMessage(**{**dict(row), **moments})


def _delivery_of(row: Any) -> WebhookDelivery:
    waits = row["due_at"] is not None
    return WebhookDelivery(
        event=row["event"],
        state="waiting" if waits else "failed" if row["error"] else "delivered",
        attempts=row["attempts"],
        next_attempt_at=datetime.fromisoformat(row["due_at"]) if waits else None,
        error=row["error"],
    )


def _hide_path(url: str) -> str:
    """Scheme, host and port; many services have the secret in the path."""
    found = urlsplit(url)
    host = found.netloc.rpartition("@")[2]
    return f"{found.scheme}://{host}" + (f"/{HIDDEN}" if found.path.strip("/") or found.query else "")
