"""Copies of model files in another form: made when needed, and again when they are gone.

A copy tells in its metadata which version of which file it was made from.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .hash_cache import Version
from .headers.header import BadHeader
from .headers.safetensors_header import read_safetensors

log = logging.getLogger(__name__)

# Seconds: what was used in this time may be about to be read by an engine.
SPARED = 3600

Write = Callable[[Path, Mapping[str, str]], None]


class _Copy(NamedTuple):
    path: Path
    size: int
    used: float


class FileCopies:
    """Holds at most `most_bytes`, but for copies used within the last hour: the oldest unused go first."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()

    def get(self, source: Path, form: str, write: Write) -> Path:
        """The copy of this version of a file in this form; `write` makes it. Raises OSError."""
        version = Version.of(os.stat(source))
        key = hashlib.sha256(repr((os.fsencode(source), *version, form)).encode()).hexdigest()[:32]
        copy = self._folder / f"{key}.safetensors"
        with self._lock:
            if copy.exists():
                os.utime(copy)
                return copy
            self._folder.mkdir(parents=True, exist_ok=True)
            write(
                copy, {"source": quote(os.fsencode(source)), "version": f"{version.size} {version.mtime_ns}"}
            )
            self._sweep()
        return copy

    def sweep(self) -> None:
        """Delete copies whose source has gone or changed, and those that are too much."""
        with self._lock:
            self._sweep()

    def _sweep(self) -> None:
        kept = []
        for copy in self._list():
            if _is_current(copy.path):
                kept.append(copy)
            else:
                _delete(copy.path)
        kept.sort(key=lambda copy: copy.used)
        size = sum(copy.size for copy in kept)
        for copy in kept:
            if size <= self._most_bytes or copy.used > time.time() - SPARED:
                return
            _delete(copy.path)
            size -= copy.size

    def _list(self) -> Iterator[_Copy]:
        try:
            entries = list(os.scandir(self._folder))
        except FileNotFoundError:
            return
        for entry in entries:
            # Whatever else is there was left by a write that a kill broke off.
            status = entry.stat(follow_symlinks=False)
            yield _Copy(Path(entry.path), status.st_size, status.st_mtime)


def _is_current(copy: Path) -> bool:
    """Whether a copy is whole and its source as it was."""
    if copy.suffix != ".safetensors":
        return False
    try:
        metadata = read_safetensors(copy).metadata
        version = Version.of(os.stat(os.fsdecode(unquote_to_bytes(metadata["source"]))))
    except (BadHeader, KeyError, OSError, ValueError):
        return False
    return metadata["version"] == f"{version.size} {version.mtime_ns}"


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("the copy %s could not be deleted: %s", path, error)
