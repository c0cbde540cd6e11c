"""Model files with the same content, by the hashes that are known."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ..schemas.model_housekeeping import DuplicateGroup, DuplicateList
from ..schemas.model_links import FoundFile
from ..schemas.models import ModelEntry
from .catalog import Catalog


async def find_duplicates(catalog: Catalog) -> DuplicateList:
    """Groups of the same hash, those that waste most first. Nothing is read to make it."""
    entries = await catalog.list_entries()
    by_hash: dict[str, list[ModelEntry]] = defaultdict(list)
    by_size: dict[int, list[ModelEntry]] = defaultdict(list)
    for entry in entries:
        by_size[entry.size_bytes].append(entry)
        if entry.hash:
            by_hash[entry.hash].append(entry)
    folders = catalog.folders
    groups = [
        DuplicateGroup(
            hash=sha256,
            size_bytes=same[0].size_bytes,
            files=_name_files(same),
            wasted_bytes=same[0].size_bytes
            * (await asyncio.to_thread(_count_files, [folders[one.type] / one.name for one in same]) - 1),
        )
        for sha256, same in by_hash.items()
        if len(same) > 1
    ]
    groups.sort(key=lambda group: -group.wasted_bytes)
    unsure = [
        one
        for same in by_size.values()
        if len(same) > 1 and same[0].size_bytes
        for one in same
        if not one.hash
    ]
    return DuplicateList(
        groups=groups,
        wasted_bytes=sum(group.wasted_bytes for group in groups),
        unhashed=_name_files(unsure),
    )


def _name_files(entries: Iterable[ModelEntry]) -> list[FoundFile]:
    return [FoundFile(type=one.type, name=one.name) for one in entries]


def _count_files(paths: Iterable[Path]) -> int:
    """How many files these are on the disk, where links count as the file that they lead to."""
    seen = set()
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        seen.add((status.st_dev, status.st_ino))
    return max(len(seen), 1)
