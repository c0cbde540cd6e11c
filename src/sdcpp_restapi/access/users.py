"""Users: people whose jobs and files are kept apart, each with quotas."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ..config import Users
from ..errors import NameInUse, NotFound
from ..schemas.access import QuotaUpdate, UserView
from .store import AccessStore, now, to_text


class Quota(NamedTuple):
    """What a user may take; None = as much as there is."""

    max_pending: int | None = None
    max_gigabytes: float | None = None


@dataclass(frozen=True)
class UserAccount:
    """A user; `own` has the bounds that are not those of the settings."""

    name: str
    created_at: datetime
    own: Quota


class UserAccounts:
    """All users, in memory."""

    def __init__(self, defaults: Users) -> None:
        self._defaults = Quota(defaults.max_pending, defaults.max_gigabytes)
        self._store: AccessStore | None = None
        self._by_name: dict[str, UserAccount] = {}

    async def open(self, store: AccessStore) -> None:
        """Read them."""
        self._store = store
        for row in await store.read("users"):
            own = Quota(row["max_pending"], row["max_gigabytes"])
            self._by_name[row["name"]] = UserAccount(
                row["name"], datetime.fromisoformat(row["created_at"]), own
            )

    def get(self, name: str, field: str | None = None) -> UserAccount:
        """One of them; `field` of the request names it. Raises NotFound."""
        if name not in self._by_name:
            where = f"{field}: " if field else ""
            raise NotFound(f"{where}there is no user {name[:64]!r}; POST /users makes one", field=field)
        return self._by_name[name]

    def quota_of(self, name: str) -> Quota:
        """What a user may take; whoever is no user has no bound."""
        account = self._by_name.get(name)
        if account is None:
            return Quota()
        own, usual = account.own, self._defaults
        return Quota(
            usual.max_pending if own.max_pending is None else own.max_pending,
            usual.max_gigabytes if own.max_gigabytes is None else own.max_gigabytes,
        )

    async def add(self, name: str, wanted: QuotaUpdate) -> UserAccount:
        """A new user. Raises NameInUse."""
        assert self._store is not None
        if name in self._by_name:
            raise NameInUse(f"name: there is a user {name!r} already", field="name")
        own = Quota(wanted.max_pending, wanted.max_gigabytes)
        account = UserAccount(name, now(), own)
        created = to_text(account.created_at)
        await self._store.write("add_user", name=name, created_at=created, **own._asdict())
        self._by_name[name] = account
        return account

    async def change(self, name: str, changes: dict[str, float | None]) -> UserAccount:
        """Give a user bounds of its own; None = those of the settings again. Raises NotFound."""
        assert self._store is not None
        account = self.get(name)
        own = Quota(**{**account.own._asdict(), **changes})
        await self._store.write("change_user", name=name, **own._asdict())
        self._by_name[name] = replace(account, own=own)
        return self._by_name[name]

    async def remove(self, name: str) -> None:
        """Remove a user, whose keys go from the database too. Raises NotFound."""
        assert self._store is not None
        self.get(name)
        await self._store.write("remove_user", name=name)
        self._by_name.pop(name, None)

    async def describe_all(self, keys: dict[str, int]) -> list[UserView]:
        """As the API shows them; `keys`: how many keys each has."""
        assert self._store is not None
        pending = {row["user"]: row["pending"] for row in await self._store.read("pending_jobs")}
        used = {row["user"]: row["bytes"] for row in await self._store.read("used_bytes")}
        return [
            UserView(
                name=name,
                created_at=account.created_at,
                keys=keys.get(name, 0),
                pending=pending.get(name, 0),
                bytes=used.get(name, 0),
                **self.quota_of(name)._asdict(),
                overrides=[field for field, value in account.own._asdict().items() if value is not None],
            )
            for name, account in sorted(self._by_name.items())
        ]
