"""Paths that clients give, turned into files of the output folder, or refused."""

import os
from pathlib import Path, PurePosixPath

from ..errors import InvalidPath, NotFound


class OutputFolder:
    """The output folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def resolve(self, relative: str) -> Path:
        """The existing file or folder at `relative`.

        Raises InvalidPath for traversal and for links that leave the folder; NotFound for what does not
        exist and for dot files, which are nobody's business.
        """
        if "\0" in relative or "\\" in relative:
            raise InvalidPath(f"Invalid path: {relative!r}")
        parts = PurePosixPath(relative).parts
        if ".." in parts or PurePosixPath(relative).is_absolute():
            raise InvalidPath(f"Invalid path: {relative!r} leaves the output folder")
        if any(part.startswith(".") for part in parts):
            raise NotFound
        path = self.root.joinpath(*parts)
        try:
            inside = Path(os.path.realpath(path, strict=True))
        except OSError:
            raise NotFound from None
        if not inside.is_relative_to(os.path.realpath(self.root)):
            raise InvalidPath(f"Invalid path: {relative!r} is a link that leaves the output folder")
        return path

    def names(self, folder: Path) -> list[str]:
        """What a folder shows: folders first, each kind by name; sub-folders end in a slash."""
        with os.scandir(folder) as entries:
            shown = [(not e.is_dir(), e.name) for e in entries if not e.name.startswith(".")]
        return [name if is_file else f"{name}/" for is_file, name in sorted(shown)]
