"""Searching a Hugging Face hub (https://huggingface.co/docs/hub/api)."""

from collections.abc import Mapping

from ...errors import BadRequest
from ...schemas.model_search import FoundModel, SearchQuery, SearchSort
from ...schemas.model_types import ModelType
from .huggingface import HuggingFace
from .huggingface_shapes import Repository
from .lookup import FoundPage, SearchHit

_SORTS: Mapping[SearchSort, str] = {"downloads": "downloads", "rating": "likes", "newest": "lastModified"}
# The tags by which a hub knows types; for others it has none.
_TAGS: Mapping[ModelType, str] = {
    "checkpoint": "text-to-image",
    "diffusion": "text-to-image",
    "lora": "lora",
    "embedding": "textual_inversion",
    "controlnet": "controlnet",
}
MOST_TAGS = 20


async def search_hub(hub: HuggingFace, query: SearchQuery) -> FoundPage:
    """A page of repositories. Raises BadRequest for a base model that is no repository, UpstreamFailed."""
    if query.base and query.base.count("/") != 1:
        raise BadRequest(
            f"base: {query.base!r} is not allowed: on Hugging Face a base model is a repository, ORG/NAME",
            field="base",
        )
    tag = _TAGS.get(query.type) if query.type else None
    base = f"base_model:{query.base}" if query.base else None
    filters = [one for one in (tag, base) if one]
    wanted: dict[str, str | list[str]] = {
        "limit": str(query.limit),
        "sort": _SORTS[query.sort],
        "direction": "-1",
        "full": "true",
    }
    optional: dict[str, str | list[str]] = {"search": query.q, "filter": filters, "cursor": query.cursor}
    found, cursor = await hub.list_repositories(
        wanted | {name: value for name, value in optional.items() if value}
    )
    ignored = query.type and tag is None
    return FoundPage(
        [_make_found(one, query) for one in found],
        cursor,
        (f"type {query.type} has no effect: Hugging Face has no tag for it",) if ignored else (),
    )


def _make_found(found: Repository, query: SearchQuery) -> SearchHit:
    return SearchHit(
        model=FoundModel(
            source="huggingface",
            link=f"hf:{found.id}",
            title=found.id,
            creator=found.author or found.id.partition("/")[0],
            type=query.type if query.type in _TAGS else None,
            base_model=found.base_model,
            downloads=found.downloads,
            likes=found.likes,
            tags=[tag for tag in found.tags if ":" not in tag][:MOST_TAGS],
            license=found.license,
            trigger_words=found.card.instance_prompt,
            gated=found.gated is not False,
            nsfw=found.is_nsfw,
            updated=found.last_modified or None,
        )
    )
