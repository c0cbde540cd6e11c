"""All about who may do what, together: what the guard asks at each request, and what routes change."""

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from ..config import Settings
from ..db import Database
from ..errors import NotFound
from ..requester import Requester
from ..schemas.access import KeyScope, LoggedIn, SessionView, UserView
from .key_ring import ApiKey, KeyRing
from .open_connections import NO_KEY, OpenConnections
from .sessions import BrowserSession, BrowserSessions
from .signatures import Signatures
from .store import AccessStore
from .users import UserAccounts
from .wrong_keys import WrongKeys

log = logging.getLogger(__name__)

# Seconds between two writes of when keys were used.
SAVE_INTERVAL = 60.0


class Access:
    """Keys, sessions and users. Those of the settings are there at once, the others after `open`."""

    def __init__(self, settings: Settings) -> None:
        self.keys = KeyRing(key.get_secret_value() for key in settings.server.api_keys)
        self.sessions = BrowserSessions(settings.server.session_days)
        self.users = UserAccounts(settings.users)
        self.signatures = Signatures()
        self.connections = OpenConnections()
        self.wrong_keys = WrongKeys(settings.limits.wrong_keys_per_minute)

    async def open(self, database: Database) -> None:
        """Read the database."""
        store = AccessStore(database)
        await self.keys.open(store)
        await self.sessions.open(store)
        await self.users.open(store)
        self.signatures.open(await store.signing_secret())

    @property
    def required(self) -> bool:
        """Whether clients need a key at all."""
        return len(self.keys) > 0

    async def keep_uses(self) -> None:
        """Store when keys were used, now and then, for ever."""
        try:
            while True:
                await asyncio.sleep(SAVE_INTERVAL)
                await self.keys.save_uses()
        finally:
            await self.keys.save_uses()

    # ------------------------------------------------------------ for the guard

    def find_by_key(self, given: list[str], address: str) -> Requester | None:
        """Who comes with one of these secrets from this address. Raises TooManyRequests."""
        key = next((key for secret in given if (key := self.keys.find(secret)) is not None), None)
        self.wrong_keys.judge(address, key.id if key is not None else None)
        if key is None:
            return None
        self.keys.note_use(key)
        return requester_of(key)

    def find_by_session(self, secret: str) -> Requester | None:
        """Who comes with this secret of a session, whose key must be one still."""
        session = self.sessions.find(secret)
        key = self.keys.get(session.key_id) if session is not None else None
        if session is None or key is None:
            return None
        self.keys.note_use(key)
        return requester_of(key, session)

    def find_by_cookie(self, cookie: str) -> Requester | None:
        """Who comes with this cookie for pictures."""
        key_id = self.signatures.find_key(cookie)
        key = self.keys.get(key_id) if key_id is not None else None
        return replace(requester_of(key), scope="read", key_id=None) if key is not None else None

    def find_expiry(self, session_id: str | None) -> datetime | None:
        """When a session ends by itself."""
        session = self.sessions.get(session_id) if session_id is not None else None
        return session.expires_at if session is not None else None

    # ------------------------------------------------------------ changes

    async def add_key(self, name: str, scope: KeyScope, user: str | None) -> tuple[ApiKey, str]:
        """A new key and its secret. Raises NotFound, and as KeyRing.add does."""
        if user is not None:
            self.users.get(user, field="user")
        key, secret = await self.keys.add(name, scope, user)
        log.info("key %s (%s) was added%s", key.name, scope, f" for {user}" if user else "")
        # Who came while nobody was asked must come again with a key.
        self.connections.end(NO_KEY)
        return key, secret

    async def revoke_key(self, named: str, last_too: bool = False) -> ApiKey:
        """Remove a key, and what it let in. Raises as KeyRing.revoke does."""
        key = await self.keys.revoke(named, last_too)
        await self._end_all_of(key)
        log.info("key %s was revoked", key.name)
        return key

    async def remove_user(self, name: str) -> list[ApiKey]:
        """Remove a user with the keys. Raises NotFound; LastKey where one of them is needed."""
        # Those that may be refused come first.
        own = sorted((key for key in self.keys if key.user == name), key=lambda key: key.scope != "manage")
        for key in own:
            await self.revoke_key(key.id)
        await self.users.remove(name)
        log.info("user %s was removed", name)
        return own

    async def describe_users(self) -> list[UserView]:
        """All users."""
        return await self.users.describe_all(Counter(key.user for key in self.keys if key.user is not None))

    async def describe_user(self, name: str) -> UserView:
        """One of them. Raises NotFound."""
        self.users.get(name)
        return next(one for one in await self.describe_users() if one.name == name)

    async def log_in(self, secret: str, address: str) -> tuple[LoggedIn, str] | None:
        """A session for whoever has a key, and its secret; None for a wrong key. Raises TooManyRequests."""
        key = self.keys.find(secret)
        self.wrong_keys.judge(address, key.id if key is not None else None)
        if key is None:
            return None
        self.keys.note_use(key)
        session, cookie = await self.sessions.begin(key)
        log.info("a browser logged in with the key %s", key.name)
        return LoggedIn(**_describe(session, key)), cookie

    async def end_session(self, session_id: str) -> None:
        """Log a browser out. Raises NotFound."""
        if not await self.sessions.end(session_id):
            raise NotFound(f"There is no session {session_id[:64]!r}")
        self.connections.end(session_id)

    def describe_sessions(self) -> list[SessionView]:
        """All that have not ended."""
        known = ((one, self.keys.get(one.key_id)) for one in self.sessions)
        return [SessionView(**_describe(one, key)) for one, key in known if key is not None]

    async def _end_all_of(self, key: ApiKey) -> None:
        ended = await self.sessions.end_all_of(key)
        self.connections.end(key.id, *ended)


@lru_cache(maxsize=1024)
def requester_of(key: ApiKey, session: BrowserSession | None = None) -> Requester:
    """Who comes with a key, or with a session of it. Keys that manage see everything; others what belongs to
    their user, or to nobody."""
    user = key.user or ""
    return Requester(
        scope=key.scope,
        user=user,
        sees=None if key.scope == "manage" else user,
        key_id=key.id,
        key_name=key.name,
        session_id=session.id if session else None,
    )


def _describe(session: BrowserSession, key: ApiKey) -> dict[str, object]:
    return {
        "id": session.id,
        "key": key.name,
        "user": key.user,
        "scope": key.scope,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
    }
