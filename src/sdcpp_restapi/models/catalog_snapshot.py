"""What lay in all model folders at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import get_args

from ..schemas.models import MainType, ModelEntry, ModelType
from .folder_scan import FolderScan, ModelFile
from .hash_cache import KnownHash, Version, sha256_of

TYPES: tuple[ModelType, ...] = get_args(ModelType)
LOADABLE: tuple[MainType, ...] = get_args(MainType)


@dataclass(frozen=True)
class Inventory:
    """A picture that does not change: names asked of it are looked up in memory, never on disk."""

    folders: Mapping[ModelType, Path]
    scans: Mapping[ModelType, FolderScan]
    digests: Mapping[str, KnownHash] = field(default_factory=dict)

    @cached_property
    def entries(self) -> Mapping[ModelType, list[ModelEntry]]:
        """The files of every type, sorted by name; `is_loaded` is false or, where meaningless, None."""
        return {kind: self._entries(kind) for kind in TYPES}

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, and why."""
        return tuple(dict.fromkeys(text for scan in self.scans.values() for text in scan.problems))

    @cached_property
    def _names(self) -> Mapping[ModelType, frozenset[str]]:
        return {kind: frozenset(file.name for file in scan.files) for kind, scan in self.scans.items()}

    def path(self, kind: ModelType, name: str) -> Path | None:
        """The file of exactly this name. Only listed names are found, so never an absolute one or `..`."""
        return self.folders[kind] / name if name in self._names.get(kind, ()) else None

    def size(self, kind: ModelType, name: str) -> int:
        """The size of a listed file in bytes, 0 if there is none of this name."""
        return next((file.size for file in self.scans[kind].files if file.name == name), 0)

    def kinds_of(self, name: str) -> list[ModelType]:
        """The types whose folder has a file of exactly this name."""
        return [kind for kind in TYPES if name in self._names.get(kind, ())]

    def embeddings(self) -> dict[str, str]:
        """Trigger word (the file's name without extension) -> path; of two, the first in sorted order."""
        found: dict[str, str] = {}
        for file in self.scans["embedding"].files if "embedding" in self.scans else ():
            found.setdefault(PurePosixPath(file.name).stem, str(self.folders["embedding"] / file.name))
        return found

    def rehashed(self, digests: Mapping[str, KnownHash]) -> "Inventory":
        """The same files with other hashes; entries whose hash stays are kept: making them costs most."""
        again = Inventory(self.folders, self.scans, digests)
        again.__dict__["entries"] = {kind: again._kept(kind, known) for kind, known in self.entries.items()}
        return again

    def _kept(self, kind: ModelType, known: list[ModelEntry]) -> list[ModelEntry]:
        scan = self.scans.get(kind)
        hashes = [self._hash(kind, file) for file in (scan.files if scan else ())]
        return [
            entry if entry.hash == sha256 else entry.model_copy(update={"hash": sha256})
            for entry, sha256 in zip(known, hashes, strict=True)
        ]

    def _hash(self, kind: ModelType, file: ModelFile) -> str | None:
        if not self.digests:
            return None
        version = Version(file.size, file.mtime_ns)
        return sha256_of(self.digests, f"{self.folders[kind]}/{file.name}", version)

    def _entries(self, kind: ModelType) -> list[ModelEntry]:
        loaded = False if kind in LOADABLE else None
        scan = self.scans.get(kind)
        return [
            ModelEntry(
                name=file.name,
                type=kind,
                file_extension=PurePosixPath(file.name).suffix.lower(),
                size_bytes=file.size,
                hash=self._hash(kind, file),
                is_loaded=loaded,
            )
            for file in (scan.files if scan else ())
        ]
