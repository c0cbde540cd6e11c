"""The filters of GET /models: type, extension, text and tag."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from ..errors import BadRequest
from ..schemas.model_types import TYPE_NAMES, ModelType
from ..schemas.models import DetailedEntry, ModelEntry


@dataclass(frozen=True)
class ModelFilters:
    """The filters of a request; texts stay as the client wrote them."""

    type: ModelType | None = None
    extension: str | None = None
    search: str | None = None
    tag: str | None = None

    @classmethod
    def parse(
        cls,
        type: str | None = None,
        extension: str | None = None,
        search: str | None = None,
        name: str | None = None,
        tag: str | None = None,
    ) -> Self:
        """Check query parameters; empty ones count as not given, `name` is another word for `search`.

        Raises BadRequest for a type that does not exist.
        """
        kind = (type or "").strip().lower()
        if kind and kind not in TYPE_NAMES:
            raise BadRequest(f"type: '{type}' is not a model type; allowed are {', '.join(TYPE_NAMES)}")
        return cls(kind or None, extension or None, search or name or None, tag or None)

    def keep(self, entries: list[ModelEntry]) -> list[ModelEntry]:
        """The entries that pass `extension` and `search`; the type is not checked."""
        if self.extension:
            wanted = "." + self.extension.strip().lower().removeprefix(".")
            entries = [entry for entry in entries if entry.file_extension == wanted]
        if self.search:
            part = self.search.casefold()
            entries = [entry for entry in entries if part in entry.name.casefold()]
        return entries

    def keep_detailed(self, entries: list[DetailedEntry]) -> list[DetailedEntry]:
        """As `keep`; the text may also stand in title, trigger words, notes or tags."""
        entries = [one for one in entries if not self.tag or self._has_tag(one)]
        if not self.search:
            return entries
        part = self.search.casefold()
        return [one for one in entries if any(part in text.casefold() for text in _texts_of(one))]

    def _has_tag(self, entry: DetailedEntry) -> bool:
        wanted = (self.tag or "").strip().casefold()
        return any(tag.casefold() == wanted for tag in entry.tags)

    def to_dict(self) -> dict[str, str] | None:
        """The filters that are set, None when there are none."""
        given = {"type": self.type, "extension": self.extension, "search": self.search, "tag": self.tag}
        return {field: text for field, text in given.items() if text} or None


def _texts_of(entry: DetailedEntry) -> Iterator[str]:
    yield from (entry.name, entry.title or "", entry.notes, *entry.tags, *entry.trigger_words)
