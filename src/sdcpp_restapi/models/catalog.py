"""The catalog of model files: read from the model folders, kept in memory, refreshed when it is asked for."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..errors import BadRequest, ModelNotFound
from ..schemas.model_types import MAIN_TYPES, MODEL_TYPES, TYPE_NAMES, ModelType
from ..schemas.models import LoadRequest, ModelEntry, ModelFiles, ModelList
from .catalog_snapshot import CatalogSnapshot
from .filters import ModelFilters
from .folder_scan import FolderScan, scan_folder
from .hash_cache import HashCache, KnownHash
from .load_files import find_files

# A file that grows or shrinks leaves its folder's time stamp alone: sizes are read again this often.
SIZES_AFTER = 60.0


class Catalog:
    """All model folders as one listing.

    Folders are read in a thread by one caller at a time; concurrent callers share the result. Missing folders
    are empty and are not created.
    """

    def __init__(
        self,
        folders: Mapping[ModelType, Path],
        *,
        refresh_after: float = 1.0,
        digests: HashCache | None = None,
    ) -> None:
        """`refresh_after`: seconds until the disk is looked at again. `digests`: hashes that entries show.

        `revision` rises whenever the entries or the problems changed.
        """
        self.folders: Mapping[ModelType, Path] = {kind: path.absolute() for kind, path in folders.items()}
        self.revision = 0
        self._refresh_after = refresh_after
        self._digests = digests
        self._snapshot = CatalogSnapshot(self.folders, {})
        self._checked_at = self._scanned_at = float("-inf")
        self._lock = asyncio.Lock()

    async def refresh(self) -> None:
        """Read all folders now; a reading that began after this call counts as well."""
        asked = time.monotonic()
        async with self._lock:
            if self._scanned_at < asked:
                await self._update(everything=True)

    async def take_snapshot(self) -> CatalogSnapshot:
        """What is on disk, not older than `refresh_after`."""
        if self._is_stale():
            async with self._lock:
                if self._is_stale():
                    await self._update(everything=time.monotonic() - self._scanned_at >= SIZES_AFTER)
        return self._snapshot

    def problems(self) -> tuple[str, ...]:
        """What the last reading of the folders could not read, and why."""
        return self._snapshot.problems

    async def list_entries(
        self, type: str | None = None, extension: str | None = None, search: str | None = None
    ) -> list[ModelEntry]:
        """The models that pass the filters, type by type, sorted by name. An unknown type is a BadRequest."""
        filters = ModelFilters.parse(type, extension, search)
        snapshot = await self.take_snapshot()
        kinds = [filters.type] if filters.type else TYPE_NAMES
        return [entry for kind in kinds for entry in filters.keep(snapshot.entries[kind])]

    async def list_models(self, filters: ModelFilters, current: tuple[str, str] | None) -> ModelList:
        """The body of GET /models; `current` is the loaded model's name and type."""
        snapshot = await self.take_snapshot()
        shown = {
            MODEL_TYPES[kind].plural: _mark_loaded(filters.keep(entries), kind, current)
            for kind, entries in snapshot.entries.items()
            if filters.type in (None, kind)
        }
        name, kind = current or (None, None)
        return ModelList.model_validate(
            {
                **shown,
                "loaded_model": name,
                "loaded_model_type": kind,
                "applied_filters": filters.to_dict(),
                "problems": list(snapshot.problems) or None,
            }
        )

    async def find(self, type: ModelType, name: str) -> Path | None:
        """The file of exactly this listed name; a name that is not known has the folders read once more."""
        path = (await self.take_snapshot()).path(type, name)
        if path is None and _could_be_listed(name):
            await self.refresh()
            path = self._snapshot.path(type, name)
        return path

    async def resolve(self, request: LoadRequest) -> ModelFiles:
        """The files that a load request names.

        Raises ModelNotFound (the main model is missing) or BadRequest (a component is), with all problems in
        one message.
        """
        try:
            return find_files(await self.take_snapshot(), request)
        except (ModelNotFound, BadRequest):
            await self.refresh()
            return find_files(self._snapshot, request)

    @property
    def is_fresh(self) -> bool:
        """Whether the snapshot still counts, so that nobody has to look at the disk."""
        return not self._is_stale()

    def _is_stale(self) -> bool:
        if self._digests is not None and self._digests.known is not self._snapshot.digests:
            return True
        return time.monotonic() - self._checked_at >= self._refresh_after

    async def _update(self, everything: bool) -> None:
        began = time.monotonic()
        digests = self._digests.known if self._digests is not None else self._snapshot.digests
        self._snapshot, changed = await asyncio.to_thread(_read_folders, self._snapshot, digests, everything)
        self.revision += changed
        self._checked_at = began
        if everything:
            self._scanned_at = began


def _read_folders(
    known: CatalogSnapshot, digests: Mapping[str, KnownHash], everything: bool
) -> tuple[CatalogSnapshot, bool]:
    scans = {
        kind: scan_folder(path) if everything or _has_changed(known.scans.get(kind)) else known.scans[kind]
        for kind, path in known.folders.items()
    }
    same_files = scans == known.scans
    if same_files and digests is known.digests:
        return known, False
    snapshot = known.with_digests(digests) if same_files else CatalogSnapshot(known.folders, scans, digests)
    # Comparing also makes the thousands of entries here, in the thread, and not for the first who asks.
    changed = snapshot.entries != known.entries or snapshot.problems != known.problems
    return snapshot, changed


def _has_changed(known: FolderScan | None) -> bool:
    return known is None or known.has_changed()


def _mark_loaded(
    entries: list[ModelEntry], kind: ModelType, current: tuple[str, str] | None
) -> list[ModelEntry]:
    if current is None or kind != current[1] or kind not in MAIN_TYPES:
        return entries
    name = current[0]
    return [e.model_copy(update={"is_loaded": True}) if e.name == name else e for e in entries]


def _could_be_listed(name: str) -> bool:
    # Spares the disk a reading for names that no reading can find.
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
