"""Fetches a build's package into a folder of its own, with pip or uv, checked by its hashes."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..exit_codes import exit_failed
from .builds import EngineBuild

SUFFIXES = (".so", ".pyd", ".dylib")


def install_build(
    build: EngineBuild, engines: Path, try_out: Callable[[Path], None], more: Sequence[Path] = ()
) -> Path:
    """Put a build into its folder below `engines`, which it takes the place of; the path of its library.

    Before that `try_out` is called with the library, and may raise. `more` are files of further packages for
    the same folder. Exits with a sentence when it cannot be had.
    """
    engines.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=engines) as scratch:
        _fetch([build.lock, *more], Path(scratch))
        if not (library := find_library(Path(scratch))):
            raise exit_failed(f"{build.package} {build.version} has no library of the engine")
        try_out(Path(scratch, "content") / library)
        folder = engines / build.folder_name
        shutil.rmtree(folder, ignore_errors=True)
        Path(scratch, "content").rename(folder)
    return folder / library


def find_library(scratch: Path) -> Path | None:
    """The engine's library, relative to the folder that a package was installed into."""
    content = scratch / "content"
    found = [path for path in sorted(content.glob("*/sd/*stable_diffusion*")) if path.suffix in SUFFIXES]
    return found[0].relative_to(content) if found else None


def _fetch(locks: Sequence[Path], scratch: Path) -> None:
    wanted = [word for lock in locks for word in ("-r", str(lock))]
    where = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", str(scratch / "content"))
    ended = subprocess.run([*_find_installer(), *where, *wanted], capture_output=True, text=True)
    if ended.returncode != 0:
        lines = [line for line in ended.stderr.splitlines() if "error" in line.lower()] or [ended.stderr]
        raise exit_failed(f"It cannot be installed: {' / '.join(line.strip() for line in lines[:3])}")


def _find_installer() -> list[str]:
    """pip of this environment, or uv, whose environments have no pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise exit_failed("pip is needed and not in this environment, nor is uv on PATH: install one of them")
