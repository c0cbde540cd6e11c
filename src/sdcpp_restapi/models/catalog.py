"""The models on disk, kept in memory and checked against the disk when they are asked for."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..errors import BadRequest, ModelNotFound
from ..schemas.models import LoadRequest, ModelEntry, ModelFiles, ModelList, ModelType
from .catalog_snapshot import LOADABLE, TYPES, Inventory
from .filters import Filters
from .folder_scan import FolderScan, scan
from .hash_cache import HashCache, KnownHash
from .load_files import files_of

# A file that grows or shrinks leaves its folder's time stamp alone: sizes are read again this often.
SIZES_AFTER = 60.0

# The lists of GET /models whose names are not those of the types.
FIELD_OF: Mapping[ModelType, str] = {
    "checkpoint": "checkpoints",
    "diffusion": "diffusion_models",
    "lora": "loras",
    "embedding": "embeddings",
    "controlnet": "controlnets",
}


class Catalog:
    """All model folders as one listing.

    Reading is done in a thread and by one caller at a time; who comes meanwhile uses the same result. Missing
    folders are empty and are not created.
    """

    def __init__(
        self, folders: Mapping[ModelType, Path], refresh_after: float = 1.0, digests: HashCache | None = None
    ) -> None:
        """`refresh_after`: seconds during which the last look at the disk is believed. `digests`: the hashes
        that entries show.

        `revision` rises whenever the entries or the problems changed.
        """
        self.folders: Mapping[ModelType, Path] = {kind: path.absolute() for kind, path in folders.items()}
        self.revision = 0
        self._refresh_after = refresh_after
        self._digests = digests
        self._inventory = Inventory(self.folders, {})
        self._looked = self._scanned = float("-inf")
        self._lock = asyncio.Lock()

    async def refresh(self) -> None:
        """Read all folders now; a reading that began after this call counts as well."""
        asked = time.monotonic()
        async with self._lock:
            if self._scanned < asked:
                await self._look(everything=True)

    async def inventory(self) -> Inventory:
        """What is on disk, not older than `refresh_after`."""
        if self._stale():
            async with self._lock:
                if self._stale():
                    await self._look(everything=time.monotonic() - self._scanned >= SIZES_AFTER)
        return self._inventory

    def problems(self) -> tuple[str, ...]:
        """What the last look could not read, and why."""
        return self._inventory.problems

    async def entries(
        self, type: str | None = None, extension: str | None = None, search: str | None = None
    ) -> list[ModelEntry]:
        """The models that pass the filters, type by type, sorted by name. An unknown type is a BadRequest."""
        filters = Filters.parse(type, extension, search)
        inventory = await self.inventory()
        kinds = [filters.type] if filters.type else TYPES
        return [entry for kind in kinds for entry in filters.keep(inventory.entries[kind])]

    async def listing(self, filters: Filters, current: tuple[str, str] | None) -> ModelList:
        """The body of GET /models; `current` is the loaded model's name and type."""
        inventory = await self.inventory()
        shown = {
            FIELD_OF.get(kind, kind): _marked(filters.keep(entries), kind, current)
            for kind, entries in inventory.entries.items()
            if filters.type in (None, kind)
        }
        name, kind = current or (None, None)
        return ModelList.model_validate(
            {
                **shown,
                "loaded_model": name,
                "loaded_model_type": kind,
                "applied_filters": filters.applied(),
                "problems": list(inventory.problems) or None,
            }
        )

    async def find(self, type: ModelType, name: str) -> Path | None:
        """The file of exactly this listed name, None if there is none even after looking again."""
        path = (await self.inventory()).path(type, name)
        if path is None and _could_be_listed(name):
            await self.refresh()
            path = self._inventory.path(type, name)
        return path

    async def resolve(self, request: LoadRequest) -> ModelFiles:
        """The files of a load request.

        Raises ModelNotFound (the main model is missing) or BadRequest (a component is), with all problems in
        one message.
        """
        try:
            return files_of(await self.inventory(), request)
        except (ModelNotFound, BadRequest):
            await self.refresh()
            return files_of(self._inventory, request)

    def _stale(self) -> bool:
        if self._digests is not None and self._digests.known is not self._inventory.digests:
            return True
        return time.monotonic() - self._looked >= self._refresh_after

    async def _look(self, everything: bool) -> None:
        began = time.monotonic()
        digests = self._digests.known if self._digests is not None else self._inventory.digests
        self._inventory, changed = await asyncio.to_thread(_read, self._inventory, digests, everything)
        self.revision += changed
        self._looked = began
        if everything:
            self._scanned = began


def _read(known: Inventory, digests: Mapping[str, KnownHash], everything: bool) -> tuple[Inventory, bool]:
    scans = {
        kind: scan(path) if everything or _changed(known.scans.get(kind)) else known.scans[kind]
        for kind, path in known.folders.items()
    }
    same_files = scans == known.scans
    if same_files and digests is known.digests:
        return known, False
    inventory = known.rehashed(digests) if same_files else Inventory(known.folders, scans, digests)
    # Comparing also makes the thousands of entries here, in the thread, and not for the first who asks.
    changed = inventory.entries != known.entries or inventory.problems != known.problems
    return inventory, changed


def _changed(known: FolderScan | None) -> bool:
    return known is None or known.changed()


def _marked(entries: list[ModelEntry], kind: ModelType, current: tuple[str, str] | None) -> list[ModelEntry]:
    if current is None or kind != current[1] or kind not in LOADABLE:
        return entries
    name = current[0]
    return [e.model_copy(update={"is_loaded": True}) if e.name == name else e for e in entries]


def _could_be_listed(name: str) -> bool:
    # Spares the disk a reading for names that no reading can find.
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
