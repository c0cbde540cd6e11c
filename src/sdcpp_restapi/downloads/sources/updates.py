"""Which models here have a newer version on CivitAI: by the hash of the file, the version and its model."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...schemas.model_links import FoundFile
from ...schemas.model_search import ModelUpdate, UpdateList
from ...schemas.models import ModelEntry
from ..failures import UpstreamFailed, UpstreamMissing
from .civitai import Civitai
from .civitai_shapes import PublishedModel, PublishedVersion

if TYPE_CHECKING:
    from ...models.catalog import Catalog  # the command line imports this module

# Seconds for which an answer counts.
KEPT_FOR = 24 * 3600.0
# Models for which one request asks; the rest is asked for by the next ones.
MOST_ASKED = 30


@dataclass(frozen=True)
class _Answer:
    """Which version a file is; both are None for a file that CivitAI does not have. `at`: monotonic."""

    at: float
    version: PublishedVersion | None = None
    model: PublishedModel | None = None

    def find_newer(self) -> PublishedVersion | None:
        if self.model is None or self.version is None:
            return None
        newest = self.model.find_newest()
        return (
            newest if newest is not None and newest.id != self.version.id and self._is_older(newest) else None
        )

    def _is_older(self, newest: PublishedVersion) -> bool:
        """Versions are listed newest first; authors may sort them, so that their dates count before that."""
        assert self.version is not None
        if self.version.published_at and newest.published_at:
            return self.version.published_at < newest.published_at
        return self.version.id < newest.id


class ModelUpdates:
    """Asks CivitAI for the models here, one after the other; answers are kept in memory for a day."""

    def __init__(
        self, *, site: Civitai, catalog: "Catalog", now: Callable[[], float] = time.monotonic
    ) -> None:
        self._site = site
        self._catalog = catalog
        self._now = now
        self._answers: dict[str, _Answer] = {}

    async def list_updates(self, refresh: bool = False) -> UpdateList:
        """The models with a newer version, as far as is known. `refresh`: what is known does not count.

        When CivitAI fails, what is known so far is told, with a warning.
        """
        if refresh:
            self._answers.clear()
        entries = await self._catalog.list_entries()
        hashed = [one for one in entries if one.hash]
        problem = await self._ask_for_some(hashed)
        known = [(one, answer) for one in hashed if (answer := self._answers.get(one.hash or ""))]
        updates = [update for one, answer in known if (update := _make_update(one, answer))]
        missing = sum(answer.version is None for _, answer in known)
        return UpdateList(
            updates=updates,
            current=len(known) - missing - len(updates),
            unknown=missing,
            unhashed=[FoundFile(type=one.type, name=one.name) for one in entries if not one.hash],
            remaining=len(hashed) - len(known),
            warnings=[problem] if problem else None,
        )

    async def _ask_for_some(self, entries: list[ModelEntry]) -> str | None:
        """Ask for those that are not known; why not for all of them."""
        asked = 0
        for entry in entries:
            sha256 = entry.hash or ""
            known = self._answers.get(sha256)
            if known and self._now() - known.at < KEPT_FOR:
                continue
            if asked == MOST_ASKED:
                return None  # `remaining` tells
            asked += 1
            try:
                self._answers[sha256] = await self._ask(sha256)
            except UpstreamFailed as failed:
                return str(failed)
        return None

    async def _ask(self, sha256: str) -> _Answer:
        try:
            version = await self._site.find_by_hash(sha256)
            if version.model_id is None:
                return _Answer(self._now())
            return _Answer(self._now(), version, await self._site.fetch_model(str(version.model_id)))
        except UpstreamMissing:
            return _Answer(self._now())


def _make_update(entry: ModelEntry, answer: _Answer) -> ModelUpdate | None:
    newer = answer.find_newer()
    if newer is None or answer.version is None or answer.model is None:
        return None
    number = f"{answer.version.model_id}:{newer.id}"
    return ModelUpdate(
        type=entry.type,
        name=entry.name,
        model_id=str(answer.version.model_id),
        title=answer.model.name,
        version_id=str(answer.version.id),
        version=answer.version.name,
        newest_version_id=str(newer.id),
        newest_version=newer.name,
        base_model=newer.base_model,
        published=newer.published_at or None,
        link=f"civitai:{number}",
        download={"model_type": entry.type, "source": "civitai", "model_id": number},
    )
