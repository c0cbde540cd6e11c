"""Searching the sites for models. Keys and tokens stay on this server, and pictures come through it."""

from ...models.model_uses import ModelUses
from ...schemas.model_search import FoundModel, SearchPage, SearchQuery
from ..failures import telling_busy
from ..sources.lookup import SearchHit
from ..sources.registry import Sources
from .preview_proxy import PreviewProxy


class ModelSearch:
    """Asks one site for a page of models."""

    def __init__(self, *, sources: Sources, uses: ModelUses, previews: PreviewProxy) -> None:
        self._sources = sources
        self._uses = uses
        self._previews = previews

    async def search(self, query: SearchQuery) -> SearchPage:
        """A page of what is found; without `nsfw` only what is for everybody.

        Raises BadRequest for what a site can't be asked for, UpstreamBusy, UpstreamFailed.
        """
        with telling_busy():
            page = await self._sources.lookup(query.source).search(query)
        shown = [one for one in page.models if query.nsfw or not one.model.nsfw]
        return SearchPage(
            source=query.source,
            models=[await self._complete(one) for one in shown],
            next_cursor=page.next_cursor,
            hidden=len(page.models) - len(shown),
            warnings=list(page.warnings) or None,
        )

    async def _complete(self, found: SearchHit) -> FoundModel:
        model = found.model
        copy = await self._uses.find_copy(model.file, model.size_bytes, found.sha256) if model.file else None
        preview = self._previews.address_of(found.picture)
        return model.model_copy(update={"preview": preview, "on_disk": copy})
