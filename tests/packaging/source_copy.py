"""The sources as somebody else has them: without the environment, and without what was made here."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What git does not have. The built page stays: a release is made where it is.
MADE = (
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    "dist",
    "models",
    "output",
    ".cache",
)
# What says how packages are fetched.
KEPT = ("PIP_", "UV_", "SSL_", "REQUESTS_", "LC_", "LANG", "TMP", "http", "HTTP", "NODE_EXTRA")


def copy_sources(folder: Path) -> Path:
    """A copy of the repository's files in a new folder."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:  # sources without git
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*MADE))
        return folder
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    page = Path("src/sdcpp_restapi/ui/static")
    if (ROOT / page).is_dir():
        shutil.copytree(ROOT / page, folder / page)
    return folder


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """What a command prints; it must succeed."""
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=clean_environment(folder) | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def clean_environment(folder: Path) -> dict[str, str]:
    """A user without settings and without tools, whose home is `folder`; how packages are fetched stays."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    return kept | {"HOME": str(folder), "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(folder / "share")}
