"""All that can be asked of the sites before a download."""

from dataclasses import dataclass

from ...models.catalog import Catalog
from ...models.model_uses import ModelUses
from ..http_client import HttpClient
from ..sources.registry import Sources
from ..sources.updates import ModelUpdates
from .preview_proxy import PreviewProxy
from .resolver import LinkResolver
from .search import ModelSearch


@dataclass(frozen=True)
class Lookups:
    """Links, searches, their pictures, and newer versions."""

    resolver: LinkResolver
    search: ModelSearch
    previews: PreviewProxy
    updates: ModelUpdates


def open_lookups(*, client: HttpClient, sources: Sources, catalog: Catalog, uses: ModelUses) -> Lookups:
    """Nothing is asked yet."""
    previews = PreviewProxy(client)
    return Lookups(
        resolver=LinkResolver(client=client, sources=sources, uses=uses, previews=previews),
        search=ModelSearch(sources=sources, uses=uses, previews=previews),
        previews=previews,
        updates=sources.create_updates(catalog),
    )
