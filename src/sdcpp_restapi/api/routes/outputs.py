"""Serving results: files, folders as pages, thumbnails."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from ...outputs import media, page
from ...outputs.folder import Found, check_readable, find_with_content, fit_calendar
from ...outputs.listing import Order, Sort
from ...outputs.page import View
from ...schemas.model_types import ModelType
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(tags=["Output"], responses=ERRORS)

# A finished job's files never change; "private" keeps them out of shared caches.
CACHE_CONTROL = "private, max-age=86400"
# No script of a file runs with our rights, should a browser show the file all the same.
NO_SCRIPTS = "default-src 'none'; sandbox"
PageNumber = Annotated[int, Query(alias="page", ge=1, description="Page of a folder, 200 entries each")]
Frame = Annotated[bool, Query(description="Of a video, its first frame instead of the SVG")]


class LargeFile(FileResponse):
    """A file that is sent piece by piece: each costs a turn of a thread."""

    chunk_size = 2**20


@router.head("/output", include_in_schema=False)
@router.get("/output", response_class=HTMLResponse, include_in_schema=False)
@router.head("/output/{path:path}", include_in_schema=False)
@router.get("/output/{path:path}", response_class=FileResponse)
async def output(
    request: Request,
    state: State,
    path: str = "",
    sort: Sort = "name",
    order: Order = "asc",
    number: PageNumber = 1,
) -> Response:
    """A file, streamed with Range and ETag; of a folder, a page to browse it, folders first."""
    found, content = await asyncio.to_thread(find_with_content, state.outputs, path, _wants_content(request))
    if not found.is_folder:
        return _file(request, found, content)
    view = View(_path_to_root(request), "/".join(PurePosixPath(path).parts), sort, order, number)
    return HTMLResponse(
        await asyncio.to_thread(page.render, state.outputs, found, view), headers=page.HEADERS
    )


@router.head("/thumb/{path:path}", include_in_schema=False)
@router.get("/thumb/{path:path}", response_class=Response)
async def thumbnail(request: Request, state: State, path: str, frame: Frame = False) -> Response:
    """A JPEG of 120x120 pixels from the middle of an image; for videos and broken files, an SVG."""
    found = await asyncio.to_thread(state.outputs.find, path)
    return await _thumbnail(request, state, found, keep=True, frame=frame)


@router.head("/models/thumb/{model_type}/{model_name:path}", include_in_schema=False)
@router.get("/models/thumb/{model_type}/{model_name:path}", response_class=Response, tags=["Models"])
async def thumbnail_of_model(
    request: Request, state: State, model_type: ModelType, model_name: str
) -> Response:
    """The picture beside a model file, as a JPEG of 120x120 pixels; 404 where there is none."""
    path = await state.details.find_picture(model_type, model_name)
    found = await asyncio.to_thread(check_readable, path)
    return await _thumbnail(request, state, found, keep=False)


async def _thumbnail(
    request: Request, state: State, found: Found, keep: bool, frame: bool = False
) -> Response:
    headers = {
        "etag": f'"{found.stat.st_mtime_ns:x}-{found.stat.st_size:x}"',
        "cache-control": CACHE_CONTROL,
        "content-security-policy": NO_SCRIPTS,
        "x-content-type-options": "nosniff",
    }
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    made = await state.thumbs.get(found, keep, frame)
    return Response(made.content, media_type=made.media_type, headers=headers)


def _wants_content(request: Request) -> bool:
    """Whether the answer is surely a whole file: no part of it, and nothing that the client may have."""
    return request.method == "GET" and not {"range", "if-none-match"} & set(request.headers)


def _file(request: Request, found: Found, content: bytes | None) -> Response:
    name = found.path.name
    headers = {"cache-control": CACHE_CONTROL, "x-content-type-options": "nosniff"}
    if not media.is_harmless(name):
        headers["content-security-policy"] = NO_SCRIPTS
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    response = LargeFile(
        found.path, stat_result=_with_date(found.stat), media_type=media.media_type(name), headers=headers
    )
    if _is_known(request, response.headers):
        kept = {name: response.headers[name] for name in ("etag", "cache-control", "last-modified")}
        return Response(status_code=304, headers=kept)
    if content is None:
        return response
    whole = Response(content)
    whole.raw_headers = response.raw_headers
    return whole


def _with_date(stat: os.stat_result) -> os.stat_result:
    """The same with a date that a header can carry."""
    seconds = fit_calendar(int(stat.st_mtime))
    return stat if seconds == int(stat.st_mtime) else os.stat_result((*stat[:8], seconds, stat[9]))


def _is_known(request: Request, headers: Mapping[str, str]) -> bool:
    return headers["etag"] in request.headers.get("if-none-match", "")


def _path_to_root(request: Request) -> str:
    """The way from the page's address to the root of the server, behind whatever prefix it is reached."""
    asked: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    below_root = asked.removeprefix(request.scope.get("root_path", "").encode())
    return "../" * (below_root.count(b"/") - 1) or "./"
