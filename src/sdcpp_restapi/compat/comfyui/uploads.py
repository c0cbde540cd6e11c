"""Pictures that clients upload, to draw on them by name."""

import os
import re
import threading
from pathlib import Path, PurePosixPath

from ...errors import BadRequest, storage_error
from ...outputs.folder import OutputFolder
from ...requester import REQUESTER

# The oldest are deleted beyond so many files, and beyond so many bytes of them.
MOST_FILES = 1000
MOST_BYTES = 2 * 2**30
LONGEST_NAME = 200
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
MOST_FOLDERS = 8
_ANNOTATED = re.compile(r"(.*?) ?\[(input|temp|output)\]")


class Uploads:
    """A folder of uploaded pictures. Methods read and write the disk at once: call them in a thread."""

    def __init__(self, folder: Path, outputs: OutputFolder) -> None:
        self._root = folder
        self._outputs = outputs
        # Two uploads of one name must neither write into one file nor find the same name free.
        self._storing = threading.Lock()

    @property
    def _folder(self) -> Path:
        """That of the user at hand, beside the one of everybody else, who has none."""
        user = REQUESTER.get().user
        return self._root.with_name(f"{self._root.name}-of-users") / user if user else self._root

    def save(self, subfolder: str, name: str, content: bytes, overwrite: bool) -> str:
        """Store a picture; the name that it got, which is another one if that was taken by another picture.

        Raises BadRequest, DiskFull.
        """
        folder = self._folder / _check_path(subfolder, "subfolder") if subfolder else self._folder
        path = folder / _check_name(name)
        with self._storing:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                if not overwrite:
                    path = _find_free(path, content)
                unfinished = path.with_name(f".{path.name}.tmp")
                unfinished.write_bytes(content)
                os.replace(unfinished, path)
            except OSError as error:
                raise storage_error(self._folder, error) from error
            self._delete_oldest(path)
        return path.name

    def list_names(self) -> list[str]:
        """All uploaded pictures, as LoadImage names them."""
        return sorted(path.relative_to(self._folder).as_posix() for path in self._list_files())

    def find(self, name: str) -> Path:
        """The file that LoadImage names: NAME, SUBFOLDER/NAME, or NAME [output] for one that a job made.

        Raises BadRequest, NotFound, InvalidPath.
        """
        annotated = _ANNOTATED.fullmatch(name)
        if annotated and annotated[2] == "output":
            return self._outputs.resolve(annotated[1])
        path = self._folder / _check_path(annotated[1] if annotated else name, "image")
        if not path.is_file():
            raise BadRequest(f"image: there is no uploaded picture {name!r}; send it to /upload/image")
        return path

    def _list_files(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith(".")]

    def _delete_oldest(self, kept: Path) -> None:
        found = [(path.stat(), path) for path in self._list_files()]
        found.sort(key=lambda one: one[0].st_mtime_ns, reverse=True)
        room = MOST_BYTES
        for number, (stat, path) in enumerate(found):
            room -= stat.st_size
            if path != kept and (number >= MOST_FILES or room < 0):
                path.unlink(missing_ok=True)


def _check_name(name: str) -> str:
    base = PurePosixPath(name.replace("\\", "/")).name
    if not base or len(base.encode("utf-8", "replace")) > LONGEST_NAME or not base.isprintable():
        raise BadRequest(f"image: {name[:LONGEST_NAME]!r} is no name for a file")
    if base.startswith(".") or PurePosixPath(base).suffix.lower() not in SUFFIXES:
        raise BadRequest(f"image: {name!r} must end with one of {', '.join(SUFFIXES)}")
    return base


def _check_path(text: str, field: str) -> Path:
    path = PurePosixPath(text)
    parts = path.parts
    if (
        path.is_absolute()
        or not parts
        or len(parts) > MOST_FOLDERS
        or "\\" in text
        or not text.isprintable()
        or any(part.startswith(".") or len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts)
    ):
        raise BadRequest(f"{field}: {text[:LONGEST_NAME]!r} is no path below the folder of uploads")
    return Path(*parts)


def _find_free(path: Path, content: bytes) -> Path:
    """The path itself, or with a number behind the name if another picture has it."""
    free, number = path, 1
    while free.exists() and not (free.stat().st_size == len(content) and free.read_bytes() == content):
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
    return free
