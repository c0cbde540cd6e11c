"""Settings of a provider that the user may change while the server runs."""

import asyncio
from typing import Any, Self

from pydantic import SecretStr

from ..errors import BadRequest
from ..preferences import Preferences
from ..schemas.base import Frozen
from ..schemas.chat import ProviderSettings
from ..schemas.llm_settings import MASK, ProviderUpdate
from .key_file import KeyFile

KEY_CLEARED = "api_key was cleared: it belongs to another provider or server. Send it with the new address"
MODEL_CLEARED = "model was cleared: it belongs to another provider. The first one of the new provider answers"


class _Stored(Frozen):
    settings: dict[str, Any]
    api_key: str = ""  # where releases before the file of keys kept it


class ProviderPreference[S: ProviderSettings]:
    """One set of settings, kept over restarts."""

    def __init__(self, *, preferences: Preferences, keys: KeyFile, name: str, current: S) -> None:
        self._preferences = preferences
        self._keys = keys
        self._name = name
        self.current = current

    @classmethod
    async def read(cls, preferences: Preferences, keys: KeyFile, name: str, defaults: S) -> Self:
        """With what the last run stored under `name`; what it did not store yet is taken from `defaults`."""
        stored = await preferences.get(name, _Stored)
        if stored is None:
            return cls(preferences=preferences, keys=keys, name=name, current=defaults)
        if stored.api_key:
            await asyncio.to_thread(keys.write, name, stored.api_key)
            await preferences.set(name, _Stored(settings=stored.settings))
        values = {**stored.settings, "api_key": await asyncio.to_thread(keys.read, name) or None}
        current = type(defaults).model_validate(values)
        return cls(preferences=preferences, keys=keys, name=name, current=current)

    async def update(self, update: ProviderUpdate) -> list[str]:
        """Change the fields that `update` carries. Returns what the user should know about it."""
        changed, warnings = _apply(self.current, update)
        key = changed.api_key.get_secret_value() if changed.api_key else ""
        if changed.api_key != self.current.api_key:
            await asyncio.to_thread(self._keys.write, self._name, key)
        settings = changed.model_dump(mode="json", exclude={"api_key"})
        await self._preferences.set(self._name, _Stored(settings=settings))
        self.current = changed
        return warnings

    def show_key(self) -> str:
        """What an answer may say of the key."""
        return MASK if self.current.api_key else ""


def _apply[S: ProviderSettings](current: S, update: ProviderUpdate) -> tuple[S, list[str]]:
    given = update.model_fields_set & set(type(current).model_fields)
    values = update.model_dump(include=given - {"api_key"})
    changed = current.model_copy(update={**values, "base_url": _choose_address(current, update)})
    warnings = [f"unknown field {name!r} was ignored" for name in update.unknown_fields()]
    if changed.provider != current.provider and "model" not in given:
        changed = changed.model_copy(update={"model": ""})
        warnings.append(MODEL_CLEARED)
    if "api_key" in given and update.api_key != MASK:
        secret = SecretStr(update.api_key) if update.api_key else None
        changed = changed.model_copy(update={"api_key": secret})
    elif current.api_key is not None and _key_owner(changed) != _key_owner(current):
        changed = changed.model_copy(update={"api_key": None})
        warnings.append(KEY_CLEARED)
    return changed, warnings


def _choose_address(current: ProviderSettings, update: ProviderUpdate) -> str:
    """The address that an update wants, by either of its names.

    A client that knows one of them only may send back the other as it was: the one that differs counts.
    """
    given = {update.base_url} if "base_url" in update.model_fields_set else set()
    given |= {update.endpoint} if update.endpoint else set()
    wanted = given - {current.base_url}
    if len(wanted) > 1:
        raise BadRequest(
            f"endpoint: {update.endpoint!r} is not allowed: it means the same as base_url, which is"
            f" {update.base_url!r} in this request; send one of them",
            field="endpoint",
        )
    return wanted.pop() if wanted else current.base_url


def _key_owner(settings: ProviderSettings) -> tuple[str, str, str, int | None]:
    """Whom a key belongs to."""
    import httpx  # slow to import

    url = httpx.URL(settings.base_url)
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return settings.provider, url.scheme, url.host, port
