"""Files that travel through the broker's object store, each checked against its SHA-256 when it arrives."""

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from nats.js.object_store import OBJ_ALL_META_PRE_TEMPLATE, OBJ_META_PRE_TEMPLATE, OBJ_STREAM_TEMPLATE
from pydantic import ValidationError

from ..errors import Interrupted
from ..schemas.base import Frozen
from ..schemas.cluster import Attempt
from .broker_errors import PERMANENT_ERRORS
from .connection import BrokerConnection

# A file that takes longer than this and what a slow line needs for its size is not whole in the store.
READ_SECONDS = 60.0
SLOW_LINE = 50_000  # bytes a second


class BadFile(Interrupted):
    """A file did not arrive whole"""


class ObjectFiles:
    """The object store as folders of files."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection

    async def send(self, folder: str, files: Mapping[str, Path]) -> dict[str, str]:
        """Put files into a folder of the store; their SHA-256 by name."""
        digests = await asyncio.gather(
            *(self._send(f"{folder}/{name}", path) for name, path in files.items())
        )
        return dict(zip(files, digests, strict=True))

    async def fetch(self, folder: str, digests: Mapping[str, str], target: Path) -> None:
        """Copy files of a folder of the store into `target`, which may exist. Raises BadFile."""
        await asyncio.gather(
            *(
                self._fetch(f"{folder}/{name}", digest, resolve_inside(target, name))
                for name, digest in digests.items()
            )
        )

    async def write(self, name: str, message: Frozen) -> None:
        """Store a message that may be longer than one that is published."""
        data = message.model_dump_json().encode()

        async def put() -> None:
            store = await self._connection.object_store()
            await store.put(name, data)

        await self._connection.retry(put)

    async def read[M: Frozen](self, name: str, kind: type[M]) -> M:
        """Read a message that `write` stored. Raises BadFile."""
        try:
            return kind.model_validate_json(await self._get(name))
        except ValidationError as error:
            raise BadFile(f"{name} cannot be read") from error

    async def list_names(self) -> list[str]:
        """Names of all files in the store, with those of which only a tombstone is left.

        Raises one of BROKER_ERRORS.

        Not `ObjectStore.list()` (nats-py 2.16): it waits for ever when the last file is deleted meanwhile.
        """
        await self._connection.ready()
        bucket = self._connection.subjects.bucket
        every = OBJ_ALL_META_PRE_TEMPLATE.format(bucket=bucket)
        info = await self._connection.js.stream_info(OBJ_STREAM_TEMPLATE.format(bucket=bucket), every)
        subjects = info.state.subjects or {}
        return [base64.urlsafe_b64decode(subject.removeprefix(every[:-1])).decode() for subject in subjects]

    async def delete(self, names: Iterable[str]) -> None:
        """Delete files by their whole names. Raises one of BROKER_ERRORS."""
        store = await self._connection.object_store()
        for name in names:
            with suppress(*PERMANENT_ERRORS):
                await store.delete(name)
            await self._purge_tombstone(name)

    async def _purge_tombstone(self, name: str) -> None:
        """Delete what a deleted file leaves: a busy server would leave millions."""
        bucket = self._connection.subjects.bucket
        coded = base64.urlsafe_b64encode(name.encode()).decode()
        await self._connection.js.purge_stream(
            OBJ_STREAM_TEMPLATE.format(bucket=bucket),
            subject=OBJ_META_PRE_TEMPLATE.format(bucket=bucket, obj=coded),
        )

    async def _send(self, name: str, path: Path) -> str:
        digest = await asyncio.to_thread(_sha256, path)

        async def put() -> None:
            store = await self._connection.object_store()
            with path.open("rb") as file:
                await store.put(name, file)

        await self._connection.retry(put)
        return digest

    async def _fetch(self, name: str, digest: str, path: Path) -> None:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await self._get(name, path)
        if await asyncio.to_thread(_sha256, path) != digest:
            raise BadFile(f"{name} did not arrive as it was sent")

    async def _get(self, name: str, path: Path | None = None) -> bytes:
        """Its content, or nothing where that was written to `path`. Raises BadFile."""

        async def get() -> bytes:
            store = await self._connection.object_store()
            size = (await store.get_info(name)).size or 0
            try:
                async with asyncio.timeout(READ_SECONDS + size / SLOW_LINE):
                    if path is None:
                        return (await store.get(name)).data or b""
                    with path.open("wb") as file:
                        await store.get(name, writeinto=file)
                    return b""
            except TimeoutError:
                raise BadFile(f"{name} did not arrive in time") from None

        try:
            return await self._connection.retry(get)
        except PERMANENT_ERRORS as error:
            raise BadFile(f"{name} is not whole in the object store") from error


def outputs_of(attempt: Attempt) -> str:
    """The folder of an attempt's outputs."""
    return f"out/{attempt}"


def inputs_of(job_id: str) -> str:
    """The folder of a job's input images."""
    return f"in/{job_id}"


def inventory_of(worker: str) -> str:
    """The file with a worker's InventoryReport."""
    return f"catalog/{worker}"


def resolve_inside(folder: Path, name: str) -> Path:
    """A file of a folder. Raises BadFile for names that lead out of it: they come from another machine."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or "\\" in name:
        raise BadFile(f"{name!r} is not the name of a file")
    return folder / path


def unpack(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write files that came in a message. Raises BadFile, OSError."""
    for name, content in contents.items():
        path = resolve_inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
