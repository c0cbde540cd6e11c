"""The build of the engine that `sdcpp engine install` put into the data folder, as it is remembered there.

It lies outside of the environment that the server is installed in, so that no update takes it away.
"""

from contextlib import suppress
from pathlib import Path

FOLDER = "engines"
# Holds the path of the library, relative to its folder.
CHOICE = "chosen"


def engines_folder(data_dir: Path) -> Path:
    """Where the builds are, each in a folder of its own."""
    return data_dir / FOLDER


def find_chosen_library(data_dir: Path) -> Path | None:
    """The chosen library, which may be gone; None = that of the installed package."""
    folder = engines_folder(data_dir)
    try:
        chosen = (folder / CHOICE).read_text("utf-8").strip()
    except OSError:
        return None
    return folder / chosen if chosen else None


def choose_library(data_dir: Path, library: Path | None) -> None:
    """Remember a library in the folder of builds; None = that of the installed package."""
    choice = engines_folder(data_dir) / CHOICE
    if library is None:
        with suppress(FileNotFoundError):
            choice.unlink()
        return
    beside = choice.with_name(f".{CHOICE}")
    beside.write_text(f"{library.relative_to(choice.parent).as_posix()}\n", "utf-8")
    beside.replace(choice)
