"""All sets that this server knows: those of the package, of the user's folder, and of addresses."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..errors import BadRequest, NotFound
from ..schemas.model_sets import ModelSet, Origin
from .reading import parse_set, read_set


@dataclass(frozen=True)
class KnownSet:
    """A set and where it comes from."""

    set: ModelSet
    origin: Origin


class SetLibrary:
    """Sets by name. Of several of one name, that of the user's folder counts, then that of an address."""

    def __init__(self, folder: Path, fetched: Path) -> None:
        """`folder`: the user's (setting paths.sets_dir). `fetched`: what came from addresses."""
        self._folder = folder
        self.fetched = fetched

    def read(self) -> tuple[dict[str, KnownSet], list[str]]:
        """All sets by name, and sentences on files that are none; waits for the disk."""
        known = {one.name: KnownSet(one, "built-in") for one in read_built_in()}
        problems: list[str] = []
        places: tuple[tuple[Path, Origin], ...] = ((self.fetched, "url"), (self._folder, "folder"))
        for folder, origin in places:
            for path in _list_files(folder):
                try:
                    found = read_set(path)
                except BadRequest as error:
                    problems.append(str(error))
                else:
                    known[found.name] = KnownSet(found, origin)
        return dict(sorted(known.items())), problems

    def find(self, name: str) -> KnownSet:
        """The set of this name; waits for the disk. Raises NotFound naming all."""
        known, _ = self.read()
        if name not in known:
            raise NotFound(f"set: {name[:60]!r} is not known; there are {', '.join(known)}", field="set")
        return known[name]


@cache
def read_built_in() -> tuple[ModelSet, ...]:
    """The sets of the package."""
    folder = files(__package__).joinpath("data")
    return tuple(
        parse_set(one.read_text("utf-8"))
        for one in sorted(folder.iterdir(), key=lambda one: one.name)
        if one.name.endswith(".toml")
    )


def _list_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.glob("*.toml"))
