"""Keys and sessions in memory: what is stored of them, who they let in, and what ends them."""

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from sdcpp_restapi.access.access import Access
from sdcpp_restapi.access.key_ring import digest_of, make_secret, read_setting
from sdcpp_restapi.access.open_connections import NO_KEY, OpenConnections
from sdcpp_restapi.access.store import now
from sdcpp_restapi.config import Server, Settings
from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest, LastKey, NameInUse, NotFound
from sdcpp_restapi.schemas.access import QuotaUpdate, UserRequest

SETTING = "the-key-of-the-settings"


@asynccontextmanager
async def opened(folder: Path, *keys: str, days: float = 1.0) -> AsyncIterator[Access]:
    """Everything about access, on the database of a folder."""
    server = Server(api_keys=[SecretStr(key) for key in keys], session_days=days)
    database = await Database.open(folder / "test.db")
    try:
        access = Access(Settings(server=server))
        await access.open(database)
        yield access
    finally:
        await database.close()


def test_a_digest_is_sha256_and_no_two_secrets_are_equal() -> None:
    assert digest_of("abc") == hashlib.sha256(b"abc").hexdigest()
    assert digest_of("\udcff") == hashlib.sha256(b"\xff").hexdigest()  # what a header may hold
    made = {make_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("sdcpp_") and len(one) == 49 for one in made)


def test_a_key_of_the_settings_is_the_same_hashed_or_not() -> None:
    plain, hashed = read_setting(SETTING, 0), read_setting(f"sha256:{digest_of(SETTING)}", 0)
    assert (plain.id, plain.digest, plain.scope) == (hashed.id, hashed.digest, "manage")
    assert SETTING not in plain.id


async def test_a_key_is_found_by_its_secret_also_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTING) as access:
        key, secret = await access.add_key("bot", "generate", None)
        assert access.find_by_key(["wrong", secret], "") is access.find_by_key([secret], "")
    async with opened(tmp_path) as access:
        found = access.find_by_key([secret], "")
        assert found is not None
        assert (found.key_id, found.scope, found.user, found.sees) == (key.id, "generate", "", "")
        assert access.find_by_key([SETTING], "") is None
    with closing(sqlite3.connect(tmp_path / "test.db")) as db:
        (stored,) = db.execute("SELECT digest FROM api_keys").fetchall()
    assert stored == (digest_of(secret),)


async def test_when_a_key_was_used_is_written_once_for_many_uses(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTING) as access:
        _, secret = await access.add_key("bot", "read", None)
        for _ in range(10):
            access.find_by_key([secret], "")
        before = access.keys.describe(next(key for key in access.keys if key.name == "bot")).last_used_at
        await access.keys.save_uses()
        await access.keys.save_uses()  # there is nothing more to store
    async with opened(tmp_path, SETTING) as access:
        after = access.keys.describe(next(key for key in access.keys if key.name == "bot")).last_used_at
    assert before is not None
    assert after is not None
    assert abs(after - before) < timedelta(seconds=1)


async def test_the_first_key_manages_and_the_last_such_one_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as access:
        assert not access.required
        with pytest.raises(BadRequest, match="'manage'"):
            await access.add_key("bot", "generate", None)
        await access.add_key("root", "manage", None)
        assert access.required
        await access.add_key("bot", "generate", None)
        with pytest.raises(LastKey):
            await access.revoke_key("root")
        with pytest.raises(NameInUse):
            await access.add_key("bot", "read", None)
        with pytest.raises(NotFound):
            await access.revoke_key("nobody")
        await access.revoke_key("root", last_too=True)


async def test_a_removed_user_takes_the_keys_along_unless_one_is_needed(tmp_path: Path) -> None:
    async with opened(tmp_path) as access:
        await access.users.add("anna", UserRequest(name="anna"))
        _, root = await access.add_key("root", "manage", "anna")
        _, phone = await access.add_key("phone", "generate", "anna")
        with pytest.raises(LastKey):
            await access.remove_user("anna")
        assert access.find_by_key([root], "") is not None
        assert access.find_by_key([phone], "") is not None
        await access.add_key("other", "manage", None)
        assert {key.name for key in await access.remove_user("anna")} == {"root", "phone"}
        assert access.find_by_key([phone], "") is None
        with pytest.raises(NotFound):
            await access.add_key("x", "read", "anna")
    async with opened(tmp_path) as access:
        assert [key.name for key in access.keys] == ["other"]


async def test_a_session_ends_with_its_time_and_with_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTING) as access:
        made = await access.log_in(SETTING, "")
        assert made is not None
        view, secret = made
        assert view.expires_at - view.created_at == timedelta(days=1)
        found = access.find_by_session(secret)
        assert found is not None
        assert (found.session_id, found.scope) == (view.id, "manage")
        assert access.find_expiry(view.id) == view.expires_at
        assert await access.log_in("wrong", "") is None
    async with opened(tmp_path) as access:  # the setting was taken out
        assert access.find_by_session(secret) is None
        assert access.describe_sessions() == []
    async with opened(tmp_path, SETTING, days=1e-9) as access:
        assert access.find_by_session(secret) is not None
        short = await access.log_in(SETTING, "")
        assert short is not None
        assert short[0].expires_at <= now()
        assert access.find_by_session(short[1]) is None


async def test_a_cookie_for_pictures_is_void_once_its_key_is(tmp_path: Path) -> None:
    async with opened(tmp_path, SETTING) as access:
        key, _ = await access.add_key("bot", "manage", None)
        value = access.signatures.pictures_of(key.id)
        found = access.find_by_cookie(value)
        assert found is not None
        assert (found.scope, found.key_id) == ("read", None)  # it opens nothing but pictures
        for changed in ("", value[:-1], f"{key.id}.", f"key_0.{value.partition('.')[2]}", key.id):
            assert access.find_by_cookie(changed) is None
        await access.revoke_key("bot")
        assert access.find_by_cookie(value) is None


async def test_bounds_of_a_user_go_before_those_of_the_settings(tmp_path: Path) -> None:
    async with opened(tmp_path) as access:
        await access.users.add("anna", UserRequest(name="anna", max_pending=0))
        assert access.users.quota_of("anna") == (0, None)
        await access.users.change("anna", QuotaUpdate.model_validate({"max_pending": None}).changes())
        await access.users.change("anna", QuotaUpdate(max_gigabytes=1.5).changes())
        assert access.users.quota_of("anna") == (100, 1.5)
        assert access.users.quota_of("") == (None, None)
    async with opened(tmp_path) as access:
        assert access.users.quota_of("anna") == (100, 1.5)


def test_connections_end_with_any_of_what_let_them_in() -> None:
    connections = OpenConnections()
    with connections.ended_with("key", "session") as first, connections.ended_with("key") as second:
        connections.end("other")
        assert not first.is_set()
        connections.end("session")
        assert (first.is_set(), second.is_set()) == (True, False)
        connections.end("key", "other")
        assert second.is_set()
    with connections.ended_with(None) as open_to_all:
        connections.end(NO_KEY)
        assert open_to_all.is_set()
    connections.end("key", "session", NO_KEY)  # none is left
