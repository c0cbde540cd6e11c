"""Moving a model file together with what lies beside it. All functions wait for the disk."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ..schemas.model_types import EXTENSIONS
from .sidecars import list_sidecars


def shares_stem(path: Path) -> bool:
    """Whether another model beside it has its name with another extension, so that sidecars are of both."""
    with suppress(OSError):
        names = os.listdir(path.parent)
        return any(
            name != path.name and Path(name).stem == path.stem and Path(name).suffix.lower() in EXTENSIONS
            for name in names
        )
    return False


def move_model(path: Path, target: Path) -> list[Path]:
    """Move a model with its sidecars; where these are. Folders are made, nothing is ever replaced.

    Sidecars that belong to another model too are copied. Raises FileExistsError, before anything is moved,
    and OSError; then what was moved is where it was.
    """
    beside = list_sidecars(path)
    keep = shares_stem(path)
    pairs = [(path, target), *((one, _rename_sidecar(one, path, target)) for one in beside)]
    taken = next((new for _, new in pairs if os.path.lexists(new)), None)
    if taken is not None:
        raise FileExistsError(errno.EEXIST, "exists already", str(taken))
    target.parent.mkdir(parents=True, exist_ok=True)
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in pairs:
            if keep and old != path:
                shutil.copy2(old, new)
            else:
                _move(old, new)
                done.append((old, new))
    except OSError:
        for old, new in reversed(done):
            with suppress(OSError):
                _move(new, old)
        raise
    return [new for _, new in pairs]


def remove_empty_folders(folder: Path, root: Path) -> None:
    """Delete a folder and those above it as far as they are empty and below `root`."""
    for one in (folder, *folder.parents):
        if one == root or root not in one.parents:
            return
        try:
            one.rmdir()
        except OSError:
            return


def size_of(paths: Sequence[Path]) -> int:
    """What files take."""
    return sum(_sizes(paths))


def _sizes(paths: Sequence[Path]) -> Iterator[int]:
    for path in paths:
        with suppress(OSError):
            yield path.lstat().st_size


def _rename_sidecar(sidecar: Path, model: Path, target: Path) -> Path:
    return target.with_name(target.stem + sidecar.name[len(model.stem) :])


def _move(old: Path, new: Path) -> None:
    if old.is_symlink():  # a relative one would lead elsewhere from another folder
        new.symlink_to(os.path.join(os.path.realpath(old.parent), os.readlink(old)))
        old.unlink()
        return
    try:
        os.rename(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_and_delete(old, new)


def _copy_and_delete(old: Path, new: Path) -> None:
    """To another disk, under a temporary name until it is whole."""
    unfinished = new.with_name(f".{new.name}.part")
    try:
        shutil.copy2(old, unfinished)
        os.rename(unfinished, new)
    finally:
        unfinished.unlink(missing_ok=True)
    old.unlink()
