"""Searching CivitAI (https://developer.civitai.com/site/reference/models)."""

from collections.abc import Mapping

from ...errors import BadRequest
from ...schemas.model_search import FoundModel, SearchQuery, SearchSort
from ...schemas.model_types import ModelType
from .civitai import Civitai
from .civitai_shapes import PublishedModel
from .lookup import FoundPage, SearchHit

_SORTS: Mapping[SearchSort, str] = {
    "downloads": "Most Downloaded",
    "rating": "Highest Rated",
    "newest": "Newest",
}
# Diffusion models are among the checkpoints there.
_TYPES: Mapping[ModelType, list[str]] = {
    "checkpoint": ["Checkpoint"],
    "diffusion": ["Checkpoint"],
    "lora": ["LORA", "LoCon", "DoRA"],
    "embedding": ["TextualInversion"],
    "vae": ["VAE"],
    "controlnet": ["Controlnet"],
    "esrgan": ["Upscaler"],
}
MOST_TAGS = 20


async def search_civitai(site: Civitai, query: SearchQuery) -> FoundPage:
    """A page of models. Raises BadRequest for types that CivitAI has no word for, UpstreamFailed."""
    if query.type is not None and query.type not in _TYPES:
        raise BadRequest(
            f"type: CivitAI has no models of type {query.type}, only {', '.join(_TYPES)}", field="type"
        )
    wanted: dict[str, str | list[str]] = {
        "limit": str(query.limit),
        "sort": _SORTS[query.sort],
        "nsfw": "true" if query.nsfw else "false",
    }
    optional: dict[str, str | list[str]] = {
        "query": query.q,
        "types": _TYPES[query.type] if query.type else [],
        "baseModels": query.base,
        "cursor": query.cursor,
    }
    page = await site.list_models(wanted | {name: value for name, value in optional.items() if value})
    following = page.metadata.next_cursor
    return FoundPage(
        [_make_found(one, query) for one in page.items], str(following) if following is not None else None
    )


def _make_found(model: PublishedModel, query: SearchQuery) -> SearchHit:
    version = model.find_newest() or next(iter(model.versions), None)
    file = version.main_file if version else None
    kind = query.type if query.type == "diffusion" else model.our_type
    can_be_had = version is not None and version.find_address(file) is not None and kind is not None
    return SearchHit(
        model=FoundModel(
            source="civitai",
            link=f"civitai:{model.id}" + (f":{version.id}" if version else ""),
            title=model.name,
            creator=model.creator.username or None,
            type=kind,
            base_model=version.base_model if version else None,
            version=version.name if version else None,
            file=file.name if file else None,
            size_bytes=file.size if file else None,
            downloads=model.stats.downloads,
            likes=model.stats.likes,
            tags=model.tags[:MOST_TAGS],
            license=model.describe_license(),
            trigger_words=version.trained_words if version else [],
            gated=version.is_early if version else False,
            nsfw=model.nsfw,
            updated=(version.published_at or None) if version else None,
            download={"model_type": kind, "source": "civitai", "model_id": f"{model.id}:{version.id}"}
            if can_be_had and version and kind
            else None,
        ),
        picture=version.find_picture(query.nsfw) if version else None,
        sha256=file.sha256 if file else None,
    )
