"""What a link leads to, searches on CivitAI and Hugging Face, and newer versions of models."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from ...schemas.model_links import LinkRequest, ResolvedLink
from ...schemas.model_search import SearchPage, SearchQuery, UpdateList
from ...schemas.options import ErrorBody
from ..app_state import State
from ..error_handlers import ERRORS

BUSY: dict[int | str, dict[str, Any]] = {
    429: {"model": ErrorBody, "description": "The site wants to be asked later; see Retry-After"}
}
# No script of a file runs with our rights, should a browser take the picture for something else.
PICTURE_HEADERS = {
    "cache-control": "private, max-age=86400",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}
router = APIRouter(prefix="/models", tags=["Models"], responses={**ERRORS, **BUSY})


@router.post("/resolve")
async def resolve(body: LinkRequest, state: State) -> ResolvedLink:
    """What a link to CivitAI, Hugging Face or a file leads to, and what it would be good for here.

    The headers of the first files are read, a few hundred kilobytes each; nothing is stored.
    """
    found = await state.lookups.resolver.resolve(body.link)
    unknown = body.warn_of_unknown_fields()
    return found.model_copy(update={"warnings": [*unknown, *(found.warnings or [])] or None})


@router.get("/resolve")
async def resolve_query(
    state: State, link: Annotated[str, Query(min_length=1, max_length=4096)]
) -> ResolvedLink:
    """The same as POST; links with a secret belong in a body, which no log shows."""
    return await state.lookups.resolver.resolve(link)


@router.get("/search")
async def search(query: Annotated[SearchQuery, Query()], state: State) -> SearchPage:
    """Models of CivitAI or Hugging Face; keys and tokens stay on this server.

    What is not for everybody is left out unless `nsfw=true`. `next_cursor` leads to the next page.
    """
    return await state.lookups.search.search(query)


@router.get("/search/preview", response_class=Response)
async def preview(state: State, url: str, signature: str) -> Response:
    """A picture of a model that was found, fetched by this server; only at addresses that it made itself."""
    picture = await state.lookups.previews.get(url, signature)
    return Response(picture.content, media_type=picture.media_type, headers=PICTURE_HEADERS)


@router.get("/updates")
async def updates(state: State, refresh: bool = False) -> UpdateList:
    """Models of which CivitAI has a newer version. It is sent the hashes of your files, and only those.

    A request asks for 30 models at most; answers count for a day, unless `refresh` is true.
    """
    return await state.lookups.updates.list_updates(refresh)
