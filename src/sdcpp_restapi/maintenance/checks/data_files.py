"""The data directory and the models folders: inputs, downloads and what broken-off writes left."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..job_rows import JOB_ID, JobRow
from .problem import CheckedData, Problem, move_aside

_REFERENCE = re.compile(r"input:([0-9a-f-]{36})/([a-z_0-9]+)(?:/(\d{1,4}))?")


def check_inputs(data: CheckedData, jobs: Iterable[JobRow]) -> Iterator[Problem]:
    """Input images that no job has, and jobs whose input images are missing."""
    folder = data.paths.data_dir / "inputs"
    known = {job.id for job in jobs}
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        if JOB_ID.fullmatch(name) and name not in known:
            place = data.lost_data
            yield Problem(
                "ownerless inputs",
                f"{folder / name} belongs to no job",
                f"it is moved to {place}",
                move_aside(folder / name, place),
            )
    waiting = "SELECT id, params FROM jobs WHERE status = 'pending' AND params LIKE '%input:%'"
    for job_id, params in data.db.execute(waiting):
        missing = [text for text in _find_references(params) if not _path_of(folder, text).exists()]
        if missing:
            detail = f"the waiting job {job_id} needs {', '.join(missing)}, which is not there"
            yield Problem("missing inputs", detail, "it will fail: cancel it, or bring back a backup")


def check_downloads(data: CheckedData) -> Iterator[Problem]:
    """Halves of files that nobody downloads any more."""
    if data.running:
        return
    waiting = {
        row["id"] for row in data.db.execute("SELECT id FROM jobs WHERE status IN ('pending', 'processing')")
    }
    owned: set[str] = set()
    for record in sorted((data.paths.data_dir / "downloads").glob("*.json")):
        if record.stem in waiting:
            with suppress(OSError, ValueError, KeyError, TypeError):
                owned.add(f"{json.loads(record.read_text('utf-8'))['path']}.part")
    for folder in sorted(set(data.paths.model_folders().values())):
        for part in sorted(folder.rglob("*.part")):
            if str(part) not in owned:
                yield Problem(
                    "half a download",
                    f"{part} ({part.stat().st_size} bytes) is of no download of this server",
                    "delete it, unless another program is at it",
                    is_note=True,
                )


def check_unfinished_files(data: CheckedData) -> Iterator[Problem]:
    """Files that a kill left half written."""
    if data.running:
        return
    root = data.paths.data_dir
    # A restore's folder holds copies of what is in the backup.
    left = [*root.glob("*.tmp"), *root.glob("*.new"), *(root / "uploads").rglob(".*.tmp")]
    for path in sorted(left):
        yield Problem(
            "unfinished file",
            f"{path} was left by a write that was broken off",
            f"it is moved to {data.lost_data}",
            move_aside(path, data.lost_data),
        )


def check_hashes(data: CheckedData) -> Iterator[Problem]:
    """Hashes of models that cannot be right."""
    rows = data.db.execute("SELECT path, size, mtime_ns, sha256 FROM model_digests ORDER BY path").fetchall()
    bad = [row["path"] for row in rows if not re.fullmatch(r"[0-9a-f]{64}", row["sha256"])]
    stale = [row["path"] for row in rows if _has_changed(row)]
    remedy = "it is forgotten, and computed again when it is asked for"
    for path in bad:
        yield Problem("hash", f"that of {path} is no SHA-256", remedy, partial(_forget, data, path))
    for path in stale:
        detail = f"that of {path} is of an earlier version of the file"
        yield Problem("hash", detail, remedy, partial(_forget, data, path), is_note=True)


def _has_changed(row: Any) -> bool:
    """Of a file that is not there nothing is known: its disk may come back."""
    try:
        status = os.stat(row["path"])
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) != (row["size"], row["mtime_ns"])


def _forget(data: CheckedData, path: str) -> None:
    data.db.execute("DELETE FROM model_digests WHERE path = ?", (path,))


def _find_references(params: str) -> list[str]:
    try:
        values = json.loads(params).values()
    except (ValueError, AttributeError):
        return []
    texts = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [text for text in texts if isinstance(text, str) and _REFERENCE.fullmatch(text)]


def _path_of(folder: Path, reference: str) -> Path:
    match = _REFERENCE.fullmatch(reference)
    assert match is not None
    job_id, name, index = match.groups()
    return folder / job_id / f"{name}_{index or 0}.png"
