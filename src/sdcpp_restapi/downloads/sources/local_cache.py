"""Files that Hugging Face's own library has on disk already, which other programs fetched.

Its folders: https://huggingface.co/docs/huggingface_hub/guides/manage-cache. A large file is a link in
`models--org--name/snapshots/<commit>/` to a blob that is called by its SHA-256.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ...schemas.model_sets import SetFile

_SHA256 = re.compile(r"[0-9a-f]{64}")


def find_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the cache, by the variables that the library reads."""
    if named := environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    if home := environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"


def find_cached(cache: Path, file: SetFile) -> Path | None:
    """The blob of a file of a set, if it is certain that it is this file: by its hash, or else its size."""
    if file.repo_id is None or file.filename is None:
        return None
    snapshots = cache / f"models--{file.repo_id.replace('/', '--')}" / "snapshots"
    try:
        commits = sorted(snapshots.iterdir())
        found = [
            (commit / file.filename).resolve() for commit in commits if (commit / file.filename).is_file()
        ]
        return next((blob for blob in found if _is_wanted(blob, file)), None)
    except OSError:
        return None


def _is_wanted(blob: Path, file: SetFile) -> bool:
    if file.sha256 is not None and _SHA256.fullmatch(blob.name):
        return blob.name == file.sha256
    return file.size is not None and blob.stat().st_size == file.size
