"""All model folders as they were at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from ..schemas.model_types import EXTENSIONS, MAIN_TYPES, TYPE_NAMES, ModelType, lower_extension
from ..schemas.models import ModelEntry
from .folder_scan import FolderScan, ModelFile
from .hash_cache import KnownHash, Version, sha256_of


@dataclass(frozen=True)
class CatalogSnapshot:
    """Immutable: names are looked up in memory, never on disk."""

    folders: Mapping[ModelType, Path]
    scans: Mapping[ModelType, FolderScan]
    digests: Mapping[str, KnownHash] = field(default_factory=dict)

    @cached_property
    def entries(self) -> Mapping[ModelType, list[ModelEntry]]:
        """The files of every type, sorted by name; `is_loaded` is false or, where meaningless, None."""
        return {kind: self._make_entries(kind) for kind in TYPE_NAMES}

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

    @cached_property
    def _loras(self) -> Mapping[str, str]:
        """Name, with its extension in small letters, -> listed name; of two, the first in sorted order."""
        found: dict[str, str] = {}
        for file in self.scans["lora"].files if "lora" in self.scans else ():
            found.setdefault(lower_extension(file.name), file.name)
        return found

    def lora(self, name: str) -> Path | None:
        """The LoRA of this name, which may lack its extension or have it in other letters."""
        exact = self.path("lora", name)
        if exact is not None:
            return exact
        names = (self._loras.get(lower_extension(name + extension)) for extension in ("", *EXTENSIONS))
        return next((self.path("lora", found) for found in names if found), None)

    def first_path(self, kinds: Iterable[ModelType], name: str) -> Path | None:
        """The file of this name in the first of these types' folders that has it."""
        return next((path for kind in kinds if (path := self.path(kind, name))), None)

    def size(self, kind: ModelType, name: str) -> int:
        """The size of a listed file in bytes, 0 if there is none of this name."""
        return next((file.size for file in self.scans[kind].files if file.name == name), 0)

    def types_of(self, name: str) -> list[ModelType]:
        """The types whose folder has a file of exactly this name."""
        return [kind for kind in TYPE_NAMES if name in self._names.get(kind, ())]

    def embeddings(self) -> dict[str, str]:
        """Trigger word (the file's name without extension) -> path; of two, the first in sorted order."""
        found: dict[str, str] = {}
        for file in self.scans["embedding"].files if "embedding" in self.scans else ():
            found.setdefault(PurePosixPath(file.name).stem, str(self.folders["embedding"] / file.name))
        return found

    def with_digests(self, digests: Mapping[str, KnownHash]) -> "CatalogSnapshot":
        """A snapshot of the same files with other hashes.

        Entries whose hash stays the same are taken over: making them anew costs most.
        """
        again = CatalogSnapshot(self.folders, self.scans, digests)
        again.__dict__["entries"] = {
            kind: again._update_entries(kind, known) for kind, known in self.entries.items()
        }
        return again

    def _update_entries(self, kind: ModelType, known: list[ModelEntry]) -> list[ModelEntry]:
        scan = self.scans.get(kind)
        hashes = [self._find_hash(kind, file) for file in (scan.files if scan else ())]
        return [
            entry if entry.hash == sha256 else entry.model_copy(update={"hash": sha256})
            for entry, sha256 in zip(known, hashes, strict=True)
        ]

    def _find_hash(self, kind: ModelType, file: ModelFile) -> str | None:
        if not self.digests:
            return None
        version = Version(file.size, file.mtime_ns)
        return sha256_of(self.digests, f"{self.folders[kind]}/{file.name}", version)

    def _make_entries(self, kind: ModelType) -> list[ModelEntry]:
        loaded = False if kind in MAIN_TYPES else None
        scan = self.scans.get(kind)
        return [
            ModelEntry(
                name=file.name,
                type=kind,
                file_extension=PurePosixPath(file.name).suffix.lower(),
                size_bytes=file.size,
                hash=self._find_hash(kind, file),
                is_loaded=loaded,
            )
            for file in (scan.files if scan else ())
        ]
