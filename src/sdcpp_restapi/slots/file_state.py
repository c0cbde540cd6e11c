"""Whether the files of a model are still those that were read."""

import asyncio
from pathlib import Path

from ..schemas.models import ModelFiles

# Of each file: its path, its size in bytes, when it was written (nanoseconds).
FileState = tuple[tuple[str, int, int], ...]


async def read_file_state(files: ModelFiles) -> FileState:
    """What tells files apart from others that come in their place; a missing one has size -1."""
    return await asyncio.to_thread(lambda: tuple(_state_of(path) for path in list_paths(files)))


async def measure_files(files: ModelFiles) -> int:
    """Bytes of the files of a model and its components: about what their weights take in memory."""
    return sum(size for _path, size, _written in await read_file_state(files) if size > 0)


def list_paths(files: ModelFiles) -> list[str]:
    """All files that a load reads."""
    return [files.main, *files.components.values(), *files.embeddings.values()]


def _state_of(path: str) -> tuple[str, int, int]:
    try:
        found = Path(path).stat()
    except OSError:
        return path, -1, 0
    return path, found.st_size, found.st_mtime_ns
