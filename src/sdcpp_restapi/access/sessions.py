"""Browsers that logged in with a key: each has a secret of its own in a cookie, and is ended by itself."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .key_ring import ApiKey, digest_of
from .store import AccessStore, now, to_text


@dataclass(frozen=True, eq=False)
class BrowserSession:
    """One of them, without its secret."""

    id: str
    digest: str
    key_id: str
    created_at: datetime
    expires_at: datetime


class BrowserSessions:
    """All of them, in memory as keys are."""

    def __init__(self, days: float) -> None:
        """`days`: how long each lasts."""
        self._lasts = timedelta(days=days)
        self._store: AccessStore | None = None
        self._by_digest: dict[str, BrowserSession] = {}

    async def open(self, store: AccessStore) -> None:
        """Read those that have not expired, and forget the others."""
        self._store = store
        await store.write("forget_expired", now=to_text(now()))
        for row in await store.read("sessions", now=to_text(now())):
            created, expires = (datetime.fromisoformat(row[name]) for name in ("created_at", "expires_at"))
            one = BrowserSession(row["id"], row["digest"], row["key_id"], created, expires)
            self._by_digest[one.digest] = one

    def __iter__(self) -> Iterator[BrowserSession]:
        return iter([one for one in self._by_digest.values() if one.expires_at > now()])

    def find(self, secret: str) -> BrowserSession | None:
        """The session with this secret, unless it has expired."""
        found = self._by_digest.get(digest_of(secret))
        return found if found is not None and found.expires_at > now() else None

    def get(self, session_id: str) -> BrowserSession | None:
        """The session with this id."""
        return next((one for one in self if one.id == session_id), None)

    async def begin(self, key: ApiKey) -> tuple[BrowserSession, str]:
        """A new session, and its secret."""
        assert self._store is not None
        secret, began = secrets.token_urlsafe(32), now()
        made = BrowserSession(
            f"session_{secrets.token_hex(6)}", digest_of(secret), key.id, began, began + self._lasts
        )
        await self._store.write("forget_expired", now=to_text(began))
        await self._store.write(
            "add_session",
            id=made.id,
            digest=made.digest,
            key_id=key.id,
            created_at=to_text(began),
            expires_at=to_text(made.expires_at),
        )
        self._by_digest = {one.digest: one for one in (*self, made)}
        return made, secret

    async def end(self, session_id: str) -> bool:
        """End one; whether there was one."""
        assert self._store is not None
        found = self.get(session_id)
        if found is not None:
            await self._store.write("remove_session", id=session_id)
            self._by_digest.pop(found.digest, None)
        return found is not None

    async def end_all_of(self, key: ApiKey) -> list[str]:
        """End those of a key; their ids."""
        assert self._store is not None
        ended = [one for one in self if one.key_id == key.id]
        await self._store.write("remove_sessions_of", key_id=key.id)
        for one in ended:
            self._by_digest.pop(one.digest, None)
        return [one.id for one in ended]
