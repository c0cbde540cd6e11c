"""The filters of GET /models: type, extension and text."""

from dataclasses import dataclass
from typing import Self

from ..errors import BadRequest
from ..schemas.model_types import TYPE_NAMES, ModelType
from ..schemas.models import ModelEntry


@dataclass(frozen=True)
class ModelFilters:
    """The filters of a request; texts stay as the client wrote them."""

    type: ModelType | None = None
    extension: str | None = None
    search: str | None = None

    @classmethod
    def parse(
        cls,
        type: str | None = None,
        extension: str | None = None,
        search: str | None = None,
        name: str | None = None,
    ) -> Self:
        """Check query parameters; empty ones count as not given, `name` is another word for `search`.

        Raises BadRequest for a type that does not exist.
        """
        kind = (type or "").strip().lower()
        if kind and kind not in TYPE_NAMES:
            raise BadRequest(f"type: '{type}' is not a model type; allowed are {', '.join(TYPE_NAMES)}")
        return cls(kind or None, extension or None, search or name or None)

    def keep(self, entries: list[ModelEntry]) -> list[ModelEntry]:
        """The entries that pass `extension` and `search`; the type is not checked."""
        if self.extension:
            wanted = "." + self.extension.strip().lower().removeprefix(".")
            entries = [entry for entry in entries if entry.file_extension == wanted]
        if self.search:
            part = self.search.casefold()
            entries = [entry for entry in entries if part in entry.name.casefold()]
        return entries

    def to_dict(self) -> dict[str, str] | None:
        """The filters that are set, None when there are none."""
        given = {"type": self.type, "extension": self.extension, "search": self.search}
        return {field: text for field, text in given.items() if text} or None
