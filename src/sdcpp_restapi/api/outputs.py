"""Serving results."""

import asyncio
import html
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from .deps import Here
from .failures import ERRORS

router = APIRouter(tags=["Output"], responses=ERRORS)

# A finished job's files never change; "private" keeps them out of shared caches.
CACHE_CONTROL = "private, max-age=86400"


@router.get("/output", response_class=HTMLResponse, include_in_schema=False)
@router.head("/output/{path:path}", include_in_schema=False)
@router.get("/output/{path:path}", response_class=FileResponse)
async def output(request: Request, here: Here, path: str = "") -> Response:
    """A file, streamed with Range and ETag; of a folder, its listing."""
    found = await asyncio.to_thread(here.outputs.resolve, path)
    if await asyncio.to_thread(found.is_dir):
        names = await asyncio.to_thread(here.outputs.names, found)
        return HTMLResponse(_listing(request.scope.get("root_path", ""), path.strip("/"), names))
    return await _file(request, found)


async def _file(request: Request, path: Path) -> Response:
    stat = await asyncio.to_thread(path.stat)
    response = FileResponse(path, stat_result=stat, headers={"cache-control": CACHE_CONTROL})
    if response.headers["etag"] in request.headers.get("if-none-match", ""):
        kept = {name: response.headers[name] for name in ("etag", "cache-control", "last-modified")}
        return Response(status_code=304, headers=kept)
    return response


def _listing(root_path: str, path: str, names: list[str]) -> str:
    base = f"{root_path}/output/{quote(path)}".rstrip("/")
    rows = "".join(f'<li><a href="{base}/{quote(name)}">{html.escape(name)}</a></li>' for name in names)
    title = html.escape(f"/output/{path}")
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
    return f"{head}<h1>{title}</h1><ul>{rows}</ul>"
