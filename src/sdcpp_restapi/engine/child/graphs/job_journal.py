"""The journal of the job in hand: where the server wants one, and what its results depend on."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ....errors import JobFailed
from ....schemas.engine import Generation, Load
from ...binding.library import Library
from .journal_file import JournalFile, ParentJournal


@contextmanager
def open_journal(
    command: Generation, load: Load | None, library: Library, complain: Callable[[str], None]
) -> Iterator[JournalFile | None]:
    """None where no journal is wanted, and where none can be had: then `complain` is told why."""
    order = command.journal
    journal: JournalFile | None = None
    if order is not None:
        try:
            journal = JournalFile(order.path, compute_key(command, load, library), order.most_bytes)
        except OSError as error:
            complain(f"no journal of this job: {error}")
    try:
        yield journal
    finally:
        if journal is not None:
            journal.close()


@contextmanager
def open_parent(command: Generation, can_branch: bool) -> Iterator[ParentJournal | None]:
    """The journal that a job branches from; None where it does not. Raises JobFailed: it can't be read."""
    path = command.journal.parent if command.journal else None
    if path is None:
        yield None
        return
    if not can_branch:
        raise JobFailed("from_job: the results of this engine's graphs can't be replaced (docs/journal.md)")
    try:
        parent = ParentJournal(path, command.params.from_step or 0)
    except OSError as error:
        raise JobFailed(f"from_job: its journal can't be read: {error}") from error
    try:
        yield parent
    finally:
        parent.close()


def compute_key(command: Generation, load: Load | None, library: Library) -> str:
    """A digest of all that the results of a job's graphs depend on: engine, files, options and request.

    Files by path, size and time of change. Raises OSError where one is gone.
    """
    files = [library.path.as_posix(), *(lora.path for lora in command.loras)]
    files += [path for paths in command.images.values() for path in paths]
    if command.journal is not None and command.journal.parent is not None:
        files.append(command.journal.parent)
    if load is not None:
        files += [load.files.main, *load.files.components.values(), *load.files.embeddings.values()]
    # How a picture is decoded changes nothing before: a job that ran out of memory there goes on in tiles.
    params = set() if command.images else {"vae_tiling"}
    told = {
        "engine": library.read_string("sd_commit"),
        "load": load.model_dump(mode="json", exclude={"id"}) if load else None,
        "command": command.model_dump(
            mode="json",
            exclude={"id": True, "folder": True, "preview": True, "journal": True, "params": params},
        ),
        "files": list(_describe_files(files)),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _describe_files(paths: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    for path in sorted(set(paths)):
        found = os.stat(path)
        yield path, found.st_size, found.st_mtime_ns
