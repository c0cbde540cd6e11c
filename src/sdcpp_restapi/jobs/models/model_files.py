"""What every change of a model file needs: to find it, to know who uses it, to say why the disk refuses."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...downloads.failures import FileTaken
from ...downloads.part_files import disk_failure_of
from ...errors import NotFound, SdcppError
from ...models.catalog import Catalog
from ...models.hash_cache import HashCache, Version
from ...models.library import ModelLibrary
from ...models.user_notes import UserNotesStore
from ...schemas.model_types import ModelType
from .users import ModelUsers


class ModelInUse(SdcppError):
    """Something uses this model"""

    status = 409


class LocalModels:
    """The files of this machine, with what is known of each by its name. `changing`: one change at a time."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        library: ModelLibrary,
        digests: HashCache,
        notes: UserNotesStore,
        users: ModelUsers,
    ) -> None:
        self.catalog = catalog
        self.notes = notes
        self.changing = asyncio.Lock()
        self._library = library
        self._digests = digests
        self._users = users

    async def find(self, kind: ModelType, name: str) -> Path:
        """The file of a listed model. Raises NotFound, which tells of models that only workers have."""
        path = await self.catalog.find(kind, name)
        if path is not None:
            return path
        if await self._library.has(kind, name):
            raise NotFound(f"Model not found: {name} is on a worker only; change it there")
        raise NotFound(f"Model not found: {name}")

    async def check_unused(self, kind: ModelType, name: str, path: Path, force: bool) -> list[str]:
        """With `force`, a warning of what uses it. Raises ModelInUse."""
        users = await self._users.find(kind, name, path)
        if not users:
            return []
        if force:
            return [f"{name} was in use: {', '.join(users)}"]
        raise ModelInUse(f"{name} is in use: {', '.join(users)}; unload it, wait or cancel, or use force")

    def find_hash(self, path: Path) -> str | None:
        """The hash of a file, if it is known. Raises OSError."""
        return self._digests.find(path)

    async def keep_hash(self, path: Path, sha256: str | None) -> None:
        """Remember the hash of a file that came from another place."""
        if sha256 is not None:
            status = await asyncio.to_thread(path.stat)
            await self._digests.put(path, Version.of(status), sha256)


@contextmanager
def telling_disk_failures(path: Path) -> Iterator[None]:
    """Turn what the system says into an answer: FileTaken, NotWritten."""
    try:
        yield
    except FileExistsError as error:
        raise FileTaken(f"{Path(error.filename2 or error.filename or path).name} exists already") from None
    except OSError as error:
        raise disk_failure_of(str(path), error) from error
