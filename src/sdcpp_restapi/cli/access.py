"""`sdcpp keys` and `sdcpp users`: in the data directory, or by the server that has it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import typer

from ..access.access import Access
from ..client import Client
from ..client.call import ask
from ..config import Settings
from ..db import Database
from ..errors import DataDirectoryBusy
from ..lock import DataDirectoryLock, find_port
from ..schemas.access import (
    KeyList,
    KeyMade,
    KeyRequest,
    KeyView,
    QuotaUpdate,
    UserList,
    UserRequest,
    UserView,
)
from ..schemas.models import Done
from .connection import connected
from .exit_codes import exit_on_errors
from .flags import group_by_section, read_settings_of
from .serve import local_url


class AccessAdmin(Protocol):
    """What the commands do, wherever that is."""

    def keys(self) -> KeyList:
        """All keys."""
        ...

    def add_key(self, wanted: KeyRequest) -> KeyMade:
        """A new key, with its secret."""
        ...

    def revoke_key(self, named: str) -> str:
        """Revoke one, by its name or id; what became of it."""
        ...

    def users(self) -> UserList:
        """All users."""
        ...

    def add_user(self, wanted: UserRequest) -> UserView:
        """A new user."""
        ...

    def change_user(self, name: str, wanted: QuotaUpdate) -> UserView:
        """Other quotas."""
        ...

    def remove_user(self, name: str) -> str:
        """Remove a user; what became of it."""
        ...


class RemoteAdmin:
    """By the routes of a server."""

    def __init__(self, server: Client) -> None:
        self._server = server

    def keys(self) -> KeyList:
        """See AccessAdmin."""
        return self._server.send(ask(KeyList, "GET", "/keys"))

    def add_key(self, wanted: KeyRequest) -> KeyMade:
        """See AccessAdmin."""
        return self._server.send(ask(KeyMade, "POST", "/keys", wanted.model_dump()))

    def revoke_key(self, named: str) -> str:
        """See AccessAdmin."""
        return self._server.send(ask(Done, "DELETE", f"/keys/{quote(named, safe='')}")).message

    def users(self) -> UserList:
        """See AccessAdmin."""
        return self._server.send(ask(UserList, "GET", "/users"))

    def add_user(self, wanted: UserRequest) -> UserView:
        """See AccessAdmin."""
        return self._server.send(ask(UserView, "POST", "/users", wanted.model_dump()))

    def change_user(self, name: str, wanted: QuotaUpdate) -> UserView:
        """See AccessAdmin."""
        return self._server.send(ask(UserView, "PUT", f"/users/{quote(name, safe='')}", wanted.changes()))

    def remove_user(self, name: str) -> str:
        """See AccessAdmin."""
        return self._server.send(ask(Done, "DELETE", f"/users/{quote(name, safe='')}")).message


class LocalAdmin:
    """In the database of a data directory, which is opened for each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def keys(self) -> KeyList:
        """See AccessAdmin."""

        async def act(access: Access) -> KeyList:
            return KeyList(keys=[access.keys.describe(key) for key in access.keys])

        return self._run(act)

    def add_key(self, wanted: KeyRequest) -> KeyMade:
        """See AccessAdmin."""

        async def act(access: Access) -> KeyMade:
            key, secret = await access.add_key(wanted.name, wanted.scope, wanted.user)
            return KeyMade(**dict(access.keys.describe(key)), key=secret)

        return self._run(act)

    def revoke_key(self, named: str) -> str:
        """See AccessAdmin; here the last one may go too."""

        async def act(access: Access) -> str:
            key = await access.revoke_key(named, last_too=True)
            left = (
                "" if access.required else "; there are none any more, so that the server will ask for none"
            )
            return f"Key {key.name} revoked{left}"

        return self._run(act)

    def users(self) -> UserList:
        """See AccessAdmin."""

        async def act(access: Access) -> UserList:
            return UserList(users=await access.describe_users())

        return self._run(act)

    def add_user(self, wanted: UserRequest) -> UserView:
        """See AccessAdmin."""

        async def act(access: Access) -> UserView:
            await access.users.add(wanted.name, wanted)
            return await access.describe_user(wanted.name)

        return self._run(act)

    def change_user(self, name: str, wanted: QuotaUpdate) -> UserView:
        """See AccessAdmin."""

        async def act(access: Access) -> UserView:
            await access.users.change(name, wanted.changes())
            return await access.describe_user(name)

        return self._run(act)

    def remove_user(self, name: str) -> str:
        """See AccessAdmin."""

        async def act(access: Access) -> str:
            revoked = await access.remove_user(name)
            return f"User {name} removed, {len(revoked)} keys revoked"

        return self._run(act)

    def _run[T](self, act: Callable[[Access], Awaitable[T]]) -> T:
        async def run() -> T:
            database = await Database.open(self._settings.paths.data_dir / "sdcpp.db")
            try:
                access = Access(self._settings)
                await access.open(database)
                return await act(access)
            finally:
                await database.close()

        return asyncio.run(run())


@contextmanager
def administration(
    server: str | None, api_key: str | None, data_dir: Path | None, config: Path | None
) -> Iterator[AccessAdmin]:
    """Where the commands act, told on standard error; what goes wrong there ends them with a sentence."""
    if server is not None:
        with _by_server(server, api_key) as admin:
            yield admin
        return
    settings = read_settings_of(config, group_by_section(data_dir=data_dir))
    folder = settings.paths.data_dir
    try:
        lock = DataDirectoryLock.take(folder, port=0)
    except DataDirectoryBusy:
        port = find_port(folder) or settings.server.port
        at_port = settings.server.model_copy(update={"port": port})
        with _by_server(local_url(at_port), api_key) as admin:
            yield admin
        return
    typer.echo(f"in {folder}", err=True)
    try:
        with exit_on_errors():
            yield LocalAdmin(settings)
    finally:
        lock.release()


@contextmanager
def _by_server(url: str, api_key: str | None) -> Iterator[AccessAdmin]:
    typer.echo(f"by the server at {url}", err=True)
    with connected(url, api_key) as client:
        yield RemoteAdmin(client)


def show_made(made: KeyMade, as_json: bool) -> None:
    """The secret on standard output, all else beside it."""
    if as_json:
        typer.echo(made.model_dump_json(indent=2))
        return
    typer.echo(f"{_describe(made)}; the key, which is shown only now:", err=True)
    typer.echo(made.key)


def show_keys(found: KeyList, as_json: bool) -> None:
    """A line for each key."""
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for key in found.keys:
        used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
        typer.echo(f"{key.id:<21}  {_describe(key)}, {used}")
    if not found.keys:
        typer.echo("No keys: everybody who reaches the server may do everything", err=True)


def show_users(found: list[UserView], as_json: bool) -> None:
    """A line for each user."""
    if as_json:
        typer.echo(UserList(users=found).model_dump_json(indent=2))
        return
    for user in found:
        pending = "any number" if user.max_pending is None else user.max_pending
        room = "any number" if user.max_gigabytes is None else f"{user.max_gigabytes:g}"
        typer.echo(
            f"{user.name}: {user.keys} keys, {user.pending} of {pending} waiting jobs,"
            f" {user.bytes / 10**9:.2f} of {room} GB"
        )


def _describe(key: KeyView) -> str:
    return f"{key.name} ({key.scope}{f', {key.user}' if key.user else ''})"
