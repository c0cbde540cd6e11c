"""The API keys: those of the settings, which may do everything, and those of the database."""

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ..config.server import HASHED
from ..errors import BadRequest, LastKey, NameInUse, NotFound
from ..schemas.access import KeyScope, KeyView
from .store import AccessStore, moment_of, now, to_text

# 32 random bytes: out of reach of whoever tries, so that a fast hash is as good as a slow one.
_SECRET_BYTES = 32


@dataclass(frozen=True, eq=False)
class ApiKey:
    """A key as it is stored: `digest` is the SHA-256 of its secret, in hexadecimal digits."""

    id: str
    name: str
    digest: str
    scope: KeyScope
    user: str | None = None
    created_at: datetime | None = None

    @property
    def is_setting(self) -> bool:
        """Whether it is one of server.api_keys."""
        return self.created_at is None


def digest_of(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def make_secret() -> str:
    """A new key, which shows whose it is where it is found lying about."""
    return f"sdcpp_{secrets.token_urlsafe(_SECRET_BYTES)}"


def read_setting(text: str, number: int) -> ApiKey:
    """A key of server.api_keys: as it is, or as sha256:HEX."""
    digest = text.removeprefix(HASHED) if text.startswith(HASHED) else digest_of(text)
    return ApiKey(f"setting-{digest[:12]}", f"server.api_keys[{number}]", digest, "manage")


class KeyRing:
    """All keys, in memory. A request looks its own up by the digest: the time that takes tells nothing."""

    def __init__(self, settings: Iterable[str] = ()) -> None:
        self._store: AccessStore | None = None
        self._by_digest: dict[str, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        self._used: dict[str, float] = {}  # seconds since 1970
        self._unsaved: set[str] = set()
        for number, text in enumerate(settings):
            self._keep(read_setting(text, number))

    async def open(self, store: AccessStore) -> None:
        """Read those of the database."""
        self._store = store
        for row in await store.read("keys"):
            created = datetime.fromisoformat(row["created_at"])
            self._keep(ApiKey(row["id"], row["name"], row["digest"], row["scope"], row["user"], created))
            if row["last_used_at"]:
                self._used[row["id"]] = datetime.fromisoformat(row["last_used_at"]).timestamp()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(list(self._by_id.values()))

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret."""
        return self._by_digest.get(digest_of(secret))

    def get(self, key_id: str) -> ApiKey | None:
        """The key with this id."""
        return self._by_id.get(key_id)

    def note_use(self, key: ApiKey) -> None:
        """It was used just now; `save_uses` stores that."""
        self._used[key.id] = time.time()
        if not key.is_setting:
            self._unsaved.add(key.id)

    async def save_uses(self) -> None:
        """Store which keys were used when: once for many requests."""
        if self._store is None or not self._unsaved:
            return
        uses = {key_id: moment_of(self._used[key_id]) for key_id in self._unsaved}
        self._unsaved.clear()
        await self._store.keep_uses(uses)

    async def add(self, name: str, scope: KeyScope, user: str | None) -> tuple[ApiKey, str]:
        """A new key of the database, and its secret. Raises NameInUse; BadRequest for a first key that could
        add no other one."""
        assert self._store is not None
        if any(key.name == name for key in self):
            raise NameInUse(f"name: there is a key {name!r} already", field="name")
        if not any(key.scope == "manage" for key in self) and scope != "manage":
            raise BadRequest(
                f"scope: {scope!r} is not allowed for the first key: it must be 'manage', since from then on"
                " only such a key can add others",
                field="scope",
            )
        secret = make_secret()
        key = ApiKey(f"key_{secrets.token_hex(6)}", name, digest_of(secret), scope, user, now())
        assert key.created_at is not None
        await self._store.write(
            "add_key",
            id=key.id,
            name=name,
            digest=key.digest,
            scope=scope,
            user=user,
            created_at=to_text(key.created_at),
        )
        self._keep(key)
        return key, secret

    async def revoke(self, named: str, last_too: bool = False) -> ApiKey:
        """Remove a key of the database, by its id or its name.

        Raises NotFound, BadRequest for one of the settings; LastKey where nobody could manage the server, or
        everybody, unless `last_too`.
        """
        key = self._by_id.get(named) or next((one for one in self if one.name == named), None)
        if key is None:
            raise NotFound(f"There is no key {named[:64]!r}")
        if key.is_setting:
            raise BadRequest(f"{key.name} is a setting: take it out there and start the server again")
        managing = [one for one in self if one.scope == "manage"]
        if managing == [key] and not last_too:
            raise LastKey(
                f"{key.name} is the last key that may manage this server: add another one first, or revoke"
                " it by the command 'sdcpp keys revoke' while the server is stopped"
            )
        assert self._store is not None
        await self._store.write("remove_key", id=key.id)
        self.forget(key)
        return key

    def forget(self, key: ApiKey) -> None:
        """It is no key any more."""
        self._by_digest.pop(key.digest, None)
        self._by_id.pop(key.id, None)
        self._used.pop(key.id, None)
        self._unsaved.discard(key.id)

    def describe(self, key: ApiKey) -> KeyView:
        """As the API shows it."""
        used = self._used.get(key.id)
        return KeyView(
            id=key.id,
            name=key.name,
            scope=key.scope,
            user=key.user,
            source="settings" if key.is_setting else "database",
            created_at=key.created_at,
            last_used_at=moment_of(used) if used is not None else None,
        )

    def _keep(self, key: ApiKey) -> None:
        self._by_digest[key.digest] = self._by_id[key.id] = key
