"""What a source tells before a download: where a link leads, and what a search finds."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from ...schemas.downloads import SourceName
from ...schemas.model_links import OfferedVersion
from ...schemas.model_search import FoundModel, SearchQuery
from ...schemas.model_types import ModelType
from .links import PastedLink


@dataclass(frozen=True, kw_only=True)
class OfferedAddress:
    """A file, and where it is fetched."""

    name: str
    url: str
    download: Mapping[str, str] | None
    """The fields of a download request, without the type; None for an address that nobody may be told."""
    size: int | None = None
    sha256: str | None = None
    primary: bool = False
    source_type: ModelType | None = None


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A model at its source."""

    source: SourceName
    files: list[OfferedAddress]
    title: str | None = None
    details: Mapping[str, str | None] = field(default_factory=dict)
    """Fields of ResolvedLink that only some sources have."""
    base_model: str | None = None
    trigger_words: tuple[str, ...] = ()
    license: str | None = None
    gated: bool = False
    nsfw: bool = False
    picture: str | None = None
    versions: tuple[OfferedVersion, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """A model that a search found, the address of its picture, and the hash of its main file."""

    model: FoundModel
    picture: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class FoundPage:
    """A page of what a search found, with models that are not for everybody."""

    models: list[SearchHit]
    next_cursor: str | None
    warnings: tuple[str, ...] = ()


type MakeOffer = Callable[[], Awaitable[Offer]]


class SourceLookup(Protocol):
    """What can be asked of a source besides a download."""

    # How links to it are written besides as addresses, for messages.
    link_forms: ClassVar[tuple[str, ...]]

    def match(self, link: PastedLink) -> MakeOffer | None:
        """What asks the source for a link; None for a link of another source.

        Raises BadRequest for a link of this source that leads to no model. The function raises
        UpstreamFailed, UpstreamMissing, BadRequest.
        """
        ...

    async def search(self, query: SearchQuery) -> FoundPage:
        """A page of models. Raises BadRequest for what the source can't be asked for, UpstreamFailed."""
        ...
