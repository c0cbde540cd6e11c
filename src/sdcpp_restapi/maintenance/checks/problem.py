"""What a check finds, and where it looks."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...config import Paths
from ...os_support import lock_exclusively


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be. `remedy` says what `repair` does, or what a person can do."""

    name: str
    detail: str
    remedy: str
    repair: Callable[[], None] | None = field(default=None, compare=False)
    # Worth to know; nothing is wrong.
    is_note: bool = False


@dataclass(frozen=True)
class CheckedData:
    """The folders of a server and its database.

    While `running`, whatever the server is about to finish is no problem, and nothing may be changed.
    """

    paths: Paths
    db: sqlite3.Connection
    running: bool

    @property
    def lost_outputs(self) -> Path:
        """Where outputs go that belong to no job: neither listed nor served, and never deleted."""
        return self.paths.output_dir / ".lost+found"

    @property
    def lost_data(self) -> Path:
        """Where other files go that belong to no job."""
        return self.paths.data_dir / "lost+found"


def move_aside(path: Path, place: Path) -> Callable[[], None]:
    """A repair that moves a file or folder into `place`, under a name without a dot that is free there."""

    def move() -> None:
        place.mkdir(mode=0o700, exist_ok=True)
        name = path.name.lstrip(".")
        target, number = place / name, 1
        while target.exists():
            number += 1
            target = place / f"{name}.{number}"
        path.rename(target)

    return move


@contextmanager
def data_directory_held(data_dir: Path) -> Iterator[bool]:
    """Keep servers out of a data directory for the block; false when one is in there already."""
    path = data_dir / "lock"
    if not path.exists():
        yield True
        return
    with path.open("r+", encoding="utf-8") as file:
        try:
            lock_exclusively(file)
        except BlockingIOError:
            yield False
        else:
            yield True
