"""Fetching one file: resumed after a broken line, never twice the same byte if the server can help it."""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from .failures import Interrupted, NotAModel, WrongBytes, place
from .http_client import HttpClient
from .part_files import Part
from .retry_policy import RetryPolicy
from .sources.registry import Origin
from .transfer_speed import TransferSpeed

log = logging.getLogger(__name__)

BLOCK = 2**20
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_PAGES = ("text/html", "application/json", "application/xhtml+xml")
_PAGE = re.compile(rb"\s*(<!doctype|<html|<\?xml|<head|version https://git-lfs)", re.IGNORECASE)


class Fetch:
    """One download, from its origin into its part."""

    def __init__(
        self,
        web: HttpClient,
        origin: Origin,
        patience: RetryPolicy,
        meter: TransferSpeed,
        part: Part | None,
        make: Callable[[httpx.Response], Part],
    ) -> None:
        """`part` is what an earlier run left; else `make` tells from the first answer where bytes go."""
        self._web = web
        self._origin = origin
        self._patience = patience
        self._meter = meter
        self._part = part
        self._make = make
        self._opened = False
        self._thread = ThreadPoolExecutor(1, "download")  # hashing and writing, in order

    async def run(self) -> tuple[Path, str]:
        """Fetch, check and publish; the file and its SHA-256.

        Raises UpstreamFailed, FileTaken, NotWritten; OSError when the disk fails. What was fetched stays for
        a later run, also when this is cancelled.
        """
        try:
            await self._until_filled()
            assert self._part is not None
            return self._part.target, await self._do(self._part.publish, self._origin.sha256)
        except asyncio.CancelledError:
            await self._do(self._close)
            raise
        finally:
            if self._part is not None:
                await self._do(self._part.abandon)
            self._thread.shutdown(wait=False)

    async def _until_filled(self) -> None:
        failures = furthest = 0
        while True:
            try:
                await self._attempt()
                return
            except Interrupted as broken:
                size = self._part.size if self._part is not None else 0
                failures = 1 if size > furthest else failures + 1
                furthest = max(furthest, size)
                pause = self._patience.pause(failures, broken)
                log.info("%s; next try in %.1f s", broken, pause)
            await asyncio.sleep(pause)

    async def _attempt(self) -> None:
        if self._part is not None:
            await self._open(self._part)
            if self._part.filled:
                return
        async with self._web.get(self._origin.url, _continuation(self._part)) as response:
            if response.status_code == 416 and self._part is not None:
                await self._do(self._part.restart)
                raise Interrupted("The other server has another version of the file now")
            if response.status_code not in (200, 206):
                raise self._web.refusal(response)
            _check_kind(response)
            await self._accept(response)
            await self._take(response)

    async def _open(self, part: Part) -> None:
        if not self._opened:
            await self._do(part.open)
            self._opened = True

    async def _accept(self, response: httpx.Response) -> None:
        """Make sure that the bytes that follow belong behind those that are there."""
        if self._part is None:
            self._part = self._make(response)
        part = self._part
        await self._open(part)
        if response.status_code == 206:
            if not _continues(part, response):
                await self._do(part.restart)
                raise Interrupted(f"{place(response.request.url)} sent another part than was asked for")
        else:
            total = self._total(response)
            headers = response.headers
            await self._do(part.begin, headers.get("etag"), headers.get("last-modified"), total)
        self._meter.start(part.size, part.state.total)

    def _total(self, response: httpx.Response) -> int | None:
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdigit() else None
        if total is not None and self._origin.size is not None and total != self._origin.size:
            raise WrongBytes(
                f"{place(response.request.url)} offers {total} bytes, published are {self._origin.size}"
            )
        return total if total is not None else self._origin.size

    async def _take(self, response: httpx.Response) -> None:
        part = self._part
        assert part is not None
        outbox = _Outbox(lambda block: self._do(part.write, block))
        done = part.size
        try:
            async for piece in response.aiter_raw():
                if done == 0 and _PAGE.match(piece):
                    raise _page(response)
                done += len(piece)
                self._meter.at(done)
                await outbox.put(piece)
        finally:
            await outbox.flush()  # what came before the line broke need not come again
        self._check_size(response, part)

    def _check_size(self, response: httpx.Response, part: Part) -> None:
        host, total = place(response.request.url), part.state.total
        if part.size == 0:
            raise NotAModel(f"{host} sent an empty file")
        if total is not None and part.size < total:
            raise Interrupted(f"{host} ended {total - part.size} bytes too early")
        if total is not None and part.size > total:
            raise WrongBytes(f"{host} sent {part.size - total} bytes too many")

    def _close(self) -> None:
        if self._part is not None:
            self._part.close()

    async def _do[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))


class _Outbox:
    """Pieces on their way to the disk: while some are written, the next ones gather."""

    def __init__(self, write: Callable[[bytes], Coroutine[None, None, None]]) -> None:
        self._write = write
        self._gathered = bytearray()
        self._writing: asyncio.Task[None] | None = None

    async def put(self, piece: bytes) -> None:
        """Take a piece; waits when the disk cannot follow."""
        self._gathered += piece
        if self._writing is None or self._writing.done() or len(self._gathered) >= BLOCK:
            await self._next()

    async def flush(self) -> None:
        """Wait until everything is written."""
        await self._next()
        await self._next()

    async def _next(self) -> None:
        if self._writing is not None:
            # A write that was begun is never given up: the next block must not take its place.
            await asyncio.shield(self._writing)
            self._writing = None
        if self._gathered:
            block = bytes(self._gathered)
            self._gathered.clear()
            self._writing = asyncio.create_task(self._write(block))


def _continuation(part: Part | None) -> dict[str, str]:
    """Headers that ask for the missing rest of the same version; none if no mark tells versions apart."""
    if part is None or part.size == 0:
        return {}
    mark = _strong(part.state.etag) or part.state.last_modified
    return {"Range": f"bytes={part.size}-", "If-Range": mark} if mark else {}


def _continues(part: Part, response: httpx.Response) -> bool:
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if found is None or int(found[1]) != part.size:
        return False
    etag, total = response.headers.get("etag"), part.state.total
    same_version = etag is None or part.state.etag is None or etag == part.state.etag
    return same_version and (total is None or found[2] in ("*", str(total)))


def _strong(etag: str | None) -> str | None:
    return etag if etag and not etag.startswith("W/") else None


def _check_kind(response: httpx.Response) -> None:
    """Refuse what says of itself that it is no model, before anything is written."""
    if response.headers.get("content-type", "").partition(";")[0].strip().lower() in _PAGES:
        raise _page(response)
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise NotAModel(f"{place(response.request.url)} sends the file packed with {encoding}, unasked")


def _page(response: httpx.Response) -> NotAModel:
    return NotAModel(
        f"{place(response.request.url)} sent a page or a message instead of a model;"
        " a login or a token may be needed"
    )
