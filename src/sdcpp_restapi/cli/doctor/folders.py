"""Folders: there, readable, writable, with room."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...config import Settings
from ...os_support import lock_exclusively
from ...schemas.model_types import EXTENSIONS, MAIN_TYPES
from ..command_name import command_name
from .findings import Finding, note, ok, size, wrong

LITTLE_ROOM, NO_ROOM = 5 * 2**30, 100 * 2**20
MODEL_FILES = {*EXTENSIONS, ".sft"}


def check(settings: Settings) -> Iterator[Finding]:
    """The folders of models, results and data."""
    paths = settings.paths
    yield _check_models(*(paths.folder(kind) for kind in MAIN_TYPES))
    for name in sorted(paths.folders):
        folder = paths.folder(name)
        if not folder.is_dir():
            yield wrong(f"Folder of {name}", f"{folder} does not exist", f"correct paths.folders.{name}")
    yield _check_writable("Output folder", paths.output_dir, "--output-dir")
    data = _check_writable("Data folder", paths.data_dir, "--data-dir")
    yield data
    if data.state != "wrong":
        yield from _check_lock(paths.data_dir / "lock")


def _check_models(*folders: Path) -> Finding:
    shown = " and ".join(map(str, folders))
    for folder in folders:
        if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
            return wrong("Models", f"{folder} cannot be read", "give the server's user the right to read it")
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in MODEL_FILES]
    if not files:
        advice = f"put a model there, name another folder with --models-dir, or try '{command_name()} demo'"
        return note("Models", f"none in {shown}", advice)
    return ok("Models", f"{len(files)} in {shown}")


def _check_writable(name: str, folder: Path, flag: str) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        return wrong(name, f"{there} is not a folder", f"name another one with {flag}")
    if not os.access(there, os.W_OK | os.X_OK):
        return wrong(name, f"{there} cannot be written to", f"change its rights, or name another with {flag}")
    free = shutil.disk_usage(there).free
    detail = f"{folder}{'' if folder.exists() else ' (will be made)'}, {size(free)} free"
    if free < NO_ROOM:
        return wrong(name, detail, f"make room, or name a folder on another disk with {flag}")
    if free < LITTLE_ROOM:
        return note(name, detail, "results and models take room: a picture 0.5 to 5 MiB")
    return ok(name, detail)


def _check_lock(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return
    with path.open("r+", encoding="utf-8") as file:
        try:
            lock_exclusively(file)
        except BlockingIOError:
            yield ok("Data folder in use", f"by the server with {file.read().strip()}")
