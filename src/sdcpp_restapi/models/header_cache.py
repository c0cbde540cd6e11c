"""What model files are, read from their headers once for each version of a file."""

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from itertools import batched
from pathlib import Path
from typing import BinaryIO, Self

from .. import __version__
from ..db import Database
from ..schemas.inspection import ModelFacts
from .hash_cache import Version
from .headers.gguf_header import MAGIC, parse_gguf
from .headers.header import BadHeader, Header
from .headers.safetensors_header import looks_like_safetensors, parse_safetensors
from .recognition import recognise
from .trigger_words import find_title, find_trigger_words


def _hash_rules() -> str:
    """What tells one state of the rules from another: they may see something else in the same file."""
    folder = Path(__file__).parent
    sources = sorted([*folder.rglob("*.py"), *folder.rglob("*.json")])
    content = b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(__version__.encode() + content).hexdigest()[:16]


RULES = _hash_rules()

# Reading thousands of files takes minutes the first time: another caller waits for so many at most.
AT_ONCE = 32

Known = Mapping[str, tuple[Version, ModelFacts]]
Looked = Mapping[Path, tuple[Version | None, ModelFacts]]


class HeaderCache:
    """Facts by path: kept in SQLite, since thousands of headers on a slow disk take minutes to read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[Version, ModelFacts]] = {}
        self._reading = asyncio.Lock()

    @classmethod
    async def read(cls, database: Database) -> Self:
        """The cache with what earlier runs stored."""
        facts = cls(database)
        rows = await database.read(
            lambda db: db.execute(
                "SELECT path, size, mtime_ns, facts FROM model_facts WHERE rules = ?", (RULES,)
            ).fetchall()
        )
        facts._known = await asyncio.to_thread(_parse_rows, rows)
        return facts

    async def get(self, path: Path) -> ModelFacts:
        """What this file is. Never raises: `problem` says why a file cannot be read."""
        return (await self.get_all([path]))[path]

    async def get_all(self, paths: Iterable[Path]) -> Mapping[Path, ModelFacts]:
        """What each of many files is; files that are not known yet are read one after the other."""
        found: dict[Path, ModelFacts] = {}
        for batch in batched(paths, AT_ONCE):
            async with self._reading:
                looked = await asyncio.to_thread(_look_up, batch, self._known)
                await self._remember(looked)
            found |= {path: facts for path, (_, facts) in looked.items()}
        return found

    async def _remember(self, looked: Looked) -> None:
        new = {
            str(path): (seen[0], seen[1])
            for path, seen in looked.items()
            if seen[0] is not None and seen is not self._known.get(str(path))
        }
        if new:
            self._known |= new
            await self._store(new)

    async def _store(self, new: Known) -> None:
        rows = [(path, *version, RULES, facts.model_dump_json()) for path, (version, facts) in new.items()]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO model_facts VALUES (?, ?, ?, ?, ?)", rows)

        await self._database.write_cache("what headers of models say", work)


def _parse_rows(rows: list[sqlite3.Row]) -> dict[str, tuple[Version, ModelFacts]]:
    return {row[0]: (Version(row[1], row[2]), ModelFacts.model_validate_json(row[3])) for row in rows}


def _look_up(paths: Iterable[Path], known: Known) -> Looked:
    found: dict[Path, tuple[Version | None, ModelFacts]] = {}
    for path in paths:
        try:
            version = Version.of(os.stat(path))
            before = known.get(str(path))
            found[path] = before if before and before[0] == version else (version, read_facts(path))
        except OSError as error:
            found[path] = None, ModelFacts(problem=f"it cannot be read: {error.strerror or error}")
    return found


def read_facts(path: Path) -> ModelFacts:
    """What the header of a file says, read now. Raises OSError."""
    with _open(path) as file:
        return parse_facts(file, os.fstat(file.fileno()).st_size, path.suffix)


def parse_facts(file: BinaryIO, size: int, suffix: str) -> ModelFacts:
    """What the header at the beginning of a file of `size` bytes says."""
    try:
        header = _parse_header(file, size, suffix)
    except BadHeader as error:
        return ModelFacts(problem=f"its header is not valid: {error}")
    if header is None:
        return ModelFacts()
    return recognise(header).model_copy(
        update={"title": find_title(header.metadata), "trigger_words": find_trigger_words(header.metadata)}
    )


def read_header(path: Path) -> Header | None:
    """The header of a file. Raises BadHeader, OSError.

    None for formats that are not read: a .ckpt or .pth is a program that makes the model.
    """
    with _open(path) as file:
        return _parse_header(file, os.fstat(file.fileno()).st_size, path.suffix)


def _open(path: Path) -> BinaryIO:
    return open(path, "rb", buffering=2**18)


def _parse_header(file: BinaryIO, size: int, suffix: str) -> Header | None:
    start = file.read(16)
    file.seek(0)
    if start.startswith(MAGIC):
        return parse_gguf(file, size)
    if looks_like_safetensors(start):
        return parse_safetensors(file, size)
    if suffix.lower() in (".safetensors", ".gguf"):
        raise BadHeader(f"this is no {suffix.lower()} file" if start else "the file is empty")
    return None
