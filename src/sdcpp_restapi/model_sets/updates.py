"""Sets from addresses (setting downloads.sets_urls): fetched when asked for, kept on disk."""

import asyncio
import hashlib
import os
from pathlib import Path

from ..downloads.http_client import HttpClient
from ..errors import SdcppError
from ..schemas.addresses import hide_secrets
from ..schemas.model_sets import SetsUpdated
from .reading import parse_set

# Far more than any set has.
MOST_BYTES = 2**20


class SetUpdates:
    """Fetches sets; an address that gives none leaves what came from it before."""

    def __init__(self, client: HttpClient, urls: list[str], folder: Path) -> None:
        self._client = client
        self._urls = urls
        self._folder = folder

    async def update(self) -> SetsUpdated:
        """Ask all addresses; those that are not in the settings any more lose their sets."""
        fetched, problems = [], []
        for url in self._urls:
            try:
                text = await self._client.get_text(url, MOST_BYTES)
                found = parse_set(text)
                await asyncio.to_thread(self._keep, url, text)
                fetched.append(found.name)
            except (SdcppError, OSError) as error:
                problems.append(f"{hide_secrets(url)}: {error}")
        await asyncio.to_thread(self._sweep)
        return SetsUpdated(fetched=fetched, problems=problems)

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.toml"

    def _keep(self, url: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._path(url).with_suffix(".tmp")
        temporary.write_text(text, "utf-8")
        os.replace(temporary, self._path(url))

    def _sweep(self) -> None:
        wanted = {self._path(url) for url in self._urls}
        for path in self._folder.glob("*.toml"):
            if path not in wanted:
                path.unlink(missing_ok=True)
