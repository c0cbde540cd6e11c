"""What of a set is on disk: in the model folders, or in a cache that other programs filled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..models.catalog_snapshot import CatalogSnapshot
from ..schemas.model_sets import FileState, ModelSet, SetFile
from ..schemas.model_types import ModelType
from ..schemas.models import ModelEntry


@dataclass(frozen=True)
class LocatedFile:
    """A file of a set on this machine: where it is, or where it would be."""

    file: SetFile
    name: str
    state: FileState
    linked_to: Path | None = None
    note: str | None = None


class Presence:
    """Looks for the files of sets, without asking any server."""

    def __init__(
        self, folders: Mapping[ModelType, Path], find_cached: Callable[[SetFile], Path | None]
    ) -> None:
        """`find_cached` looks for a file in the caches of other programs."""
        self._folders = folders
        self._find_cached = find_cached

    def find(self, of: ModelSet, files: tuple[SetFile, ...], snapshot: CatalogSnapshot) -> list[LocatedFile]:
        """Each of the files; waits for the disk."""
        return [self._find_one(of, file, snapshot) for file in files]

    def _find_one(self, of: ModelSet, file: SetFile, snapshot: CatalogSnapshot) -> LocatedFile:
        entries = snapshot.entries[file.type]
        same = next((one for one in entries if file.sha256 and one.hash == file.sha256), None)
        if same is not None:
            called = f", called {same.name}" if same.name != file.save_as else ""
            return LocatedFile(file, same.name, "there", note=f"recognised by its SHA-256{called}")
        # Under the name that the set gives, or the one that an earlier pull had to choose.
        names = (file.save_as, f"{of.name}/{file.save_as}")
        held = {one.name: one for one in entries if one.name in names}
        for name in names:
            if name in held and _could_be(file, held[name]):
                return LocatedFile(file, name, "there", note=_describe(file))
        free = [name for name in names if name not in held and not self._is_taken(file.type, name)]
        name = free[0] if free else names[-1]
        note = None if name == file.save_as else f"{file.save_as} is another file already"
        cached = self._find_cached(file)
        if cached is not None:
            return LocatedFile(file, name, "cached", cached, note or f"linked to {cached}")
        return LocatedFile(file, name, "missing", note=note)

    def _is_taken(self, kind: ModelType, name: str) -> bool:
        """By something that is no model, or a dangling link."""
        path = self._folders[kind] / name
        return path.is_symlink() or path.exists()


def _could_be(file: SetFile, entry: ModelEntry) -> bool:
    if file.sha256 is not None and entry.hash is not None:
        return False  # the hashes were compared before
    if file.size is not None:
        return entry.size_bytes == file.size
    # Rounded to three digits, as the sites' pages show it.
    return abs(entry.size_bytes - file.likely_size) <= file.likely_size / 100


def _describe(file: SetFile) -> str:
    return "recognised by its name and size" if file.size is not None else "recognised by its name"
