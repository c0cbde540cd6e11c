"""Fetching one file: resumed where the connection broke, if the server supports it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .failures import NotAModel, TransferInterrupted, WrongBytes, host_of
from .http_client import HttpClient
from .part_files import Part
from .retry_policy import RetryPolicy
from .sources.source import Origin
from .transfer_speed import TransferSpeed

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

log = logging.getLogger(__name__)

BLOCK = 2**20
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_PAGES = ("text/html", "application/json", "application/xhtml+xml")
_PAGE = re.compile(rb"\s*(<!doctype|<html|<\?xml|<head|version https://git-lfs)", re.IGNORECASE)


class Fetch:
    """One download, from its origin into its part file."""

    def __init__(
        self,
        *,
        client: HttpClient,
        origin: Origin,
        retry_policy: RetryPolicy,
        speed: TransferSpeed,
        part: Part | None,
        create_part: Callable[[httpx.Response], Part],
    ) -> None:
        """`part` is what an earlier run left, or an empty one; without one, `create_part` makes it from the
        first response, which names the file."""
        self._client = client
        self._origin = origin
        self._retry_policy = retry_policy
        self._speed = speed
        self._part = part
        self._create_part = create_part
        self._opened = False
        self._thread = ThreadPoolExecutor(1, "download")  # hashing and writing, in order

    async def run(self) -> tuple[Path, str]:
        """Fetch, check and publish; the file and its SHA-256.

        Raises UpstreamFailed, FileTaken, NotWritten; OSError when the disk fails. What was fetched stays for
        a later run, also when this is cancelled.
        """
        try:
            await self._fill()
            assert self._part is not None
            return self._part.target, await self._run_in_thread(self._part.publish, self._origin.sha256)
        except asyncio.CancelledError:
            await self._run_in_thread(self._close)
            raise
        finally:
            if self._part is not None:
                await self._run_in_thread(self._part.abandon)
            self._thread.shutdown(wait=False)

    async def _fill(self) -> None:
        failures = furthest = 0
        while True:
            try:
                await self._attempt()
                return
            except TransferInterrupted as broken:
                size = self._part.size if self._part is not None else 0
                failures = 1 if size > furthest else failures + 1
                furthest = max(furthest, size)
                pause = self._retry_policy.compute_pause(failures, broken)
                log.info("%s; next try in %.1f s", broken, pause)
            await asyncio.sleep(pause)

    async def _attempt(self) -> None:
        if self._part is not None:
            await self._open(self._part)
            if self._part.filled:
                return
        async with self._client.get(self._origin.url, _build_range_headers(self._part)) as response:
            if response.status_code == 416 and self._part is not None:
                await self._run_in_thread(self._part.restart)
                raise TransferInterrupted("The other server has another version of the file now")
            if response.status_code not in (200, 206):
                raise self._client.failure_of(response)
            refuse_pages(response)
            await self._prepare_part(response)
            await self._receive(response)

    async def _open(self, part: Part) -> None:
        if not self._opened:
            await self._run_in_thread(part.open)
            self._opened = True

    async def _prepare_part(self, response: httpx.Response) -> None:
        """Make the part ready for the body: open it, and empty it unless the response continues it."""
        if self._part is None:
            self._part = self._create_part(response)
        part = self._part
        await self._open(part)
        if response.status_code == 206:
            if not _is_continuation(part, response):
                await self._run_in_thread(part.restart)
                raise TransferInterrupted(
                    f"{host_of(response.request.url)} sent another part than was asked for"
                )
        else:
            total = self._read_total(response)
            headers = response.headers
            await self._run_in_thread(part.begin, headers.get("etag"), headers.get("last-modified"), total)
        self._speed.start(part.size, part.state.total)

    def _read_total(self, response: httpx.Response) -> int | None:
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdigit() else None
        if total is not None and self._origin.size is not None and total != self._origin.size:
            raise WrongBytes(
                f"{host_of(response.request.url)} offers {total} bytes, published are {self._origin.size}"
            )
        return total if total is not None else self._origin.size

    async def _receive(self, response: httpx.Response) -> None:
        part = self._part
        assert part is not None
        buffer = _WriteBuffer(lambda block: self._run_in_thread(part.write, block))
        done = part.size
        try:
            async for piece in response.aiter_raw():
                if done == 0 and looks_like_page(piece):
                    raise _not_a_model(response)
                done += len(piece)
                self._speed.update(done)
                await buffer.put(piece)
        finally:
            await buffer.flush()  # keep what came before the connection broke
        self._check_size(response, part)

    def _check_size(self, response: httpx.Response, part: Part) -> None:
        host, total = host_of(response.request.url), part.state.total
        if part.size == 0:
            raise NotAModel(f"{host} sent an empty file")
        if total is not None and part.size < total:
            raise TransferInterrupted(f"{host} ended {total - part.size} bytes too early")
        if total is not None and part.size > total:
            raise WrongBytes(f"{host} sent {part.size - total} bytes too many")

    def _close(self) -> None:
        if self._part is not None:
            self._part.close()

    async def _run_in_thread[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))


class _WriteBuffer:
    """Writes pieces in blocks: while one is written, the next ones are gathered."""

    def __init__(self, write: Callable[[bytes], Coroutine[None, None, None]]) -> None:
        self._write = write
        self._gathered = bytearray()
        self._writing: asyncio.Task[None] | None = None

    async def put(self, piece: bytes) -> None:
        """Take a piece; waits when the disk cannot follow."""
        self._gathered += piece
        if self._writing is None or self._writing.done() or len(self._gathered) >= BLOCK:
            await self._start_writing()

    async def flush(self) -> None:
        """Wait until everything is written."""
        await self._start_writing()
        await self._start_writing()

    async def _start_writing(self) -> None:
        if self._writing is not None:
            # A write that was begun is never given up: the next block must not take its place.
            await asyncio.shield(self._writing)
            self._writing = None
        if self._gathered:
            block = bytes(self._gathered)
            self._gathered.clear()
            self._writing = asyncio.create_task(self._write(block))


def _build_range_headers(part: Part | None) -> dict[str, str]:
    """Headers that ask for the missing rest of the same version; none if no mark tells versions apart."""
    if part is None or part.size == 0:
        return {}
    mark = _keep_strong(part.state.etag) or part.state.last_modified
    return {"Range": f"bytes={part.size}-", "If-Range": mark} if mark else {}


def _is_continuation(part: Part, response: httpx.Response) -> bool:
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if found is None or int(found[1]) != part.size:
        return False
    etag, total = response.headers.get("etag"), part.state.total
    same_version = etag is None or part.state.etag is None or etag == part.state.etag
    return same_version and (total is None or found[2] in ("*", str(total)))


def _keep_strong(etag: str | None) -> str | None:
    return etag if etag and not etag.startswith("W/") else None


def looks_like_page(start: bytes) -> bool:
    """Whether a body that begins so is a page, or a pointer to a file in Git."""
    return _PAGE.match(start) is not None


def refuse_pages(response: httpx.Response) -> None:
    """Raise NotAModel for pages and compressed bodies, by their headers."""
    if response.headers.get("content-type", "").partition(";")[0].strip().lower() in _PAGES:
        raise _not_a_model(response)
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise NotAModel(f"{host_of(response.request.url)} sends the file packed with {encoding}, unasked")


def _not_a_model(response: httpx.Response) -> NotAModel:
    return NotAModel(
        f"{host_of(response.request.url)} sent a page or a message instead of a model;"
        " a login or a token may be needed"
    )
