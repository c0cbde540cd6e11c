"""Paths in requests: allowed within the model folders and paths.convert_dirs, refused elsewhere."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from ..errors import BadRequest
from ..schemas.downloads import JobResult
from ..schemas.model_types import EXTENSIONS
from .catalog import Catalog

# PuLID's own tool writes a GGUF file of this name.
MORE_EXTENSIONS = {"pulid_id_embed_path": (".pulidembd",)}


class AllowedPaths:
    """Checks paths in requests against the folders that clients may name."""

    def __init__(self, catalog: Catalog, others: Sequence[Path]) -> None:
        """`others`: the folders of paths.convert_dirs."""
        self._catalog = catalog
        self._roots = tuple(dict.fromkeys([*catalog.folders.values(), *others]))

    def find_file(self, field: str, text: str) -> Path:
        """A model file, absolute or relative to one of the folders.

        Raises BadRequest naming field and value: outside, missing, no model file, or in several folders.
        """
        path = _check_plain(field, text)
        found = [one for one in self._list_candidates(field, path) if os.path.isfile(one)]
        if not found:
            raise BadRequest(f"{field}: {text!r} was not found in {self._describe_roots()}")
        if len(found) > 1:
            raise BadRequest(f"{field}: {text!r} is in several folders: {', '.join(map(str, found))}")
        allowed = (*EXTENSIONS, *MORE_EXTENSIONS.get(field, ()))
        if found[0].suffix.lower() not in allowed:
            raise BadRequest(f"{field}: {text!r} is no model file; allowed are {', '.join(allowed)}")
        return found[0]

    def plan_file(self, field: str, text: str, beside: Path) -> Path:
        """A GGUF file to be written, absolute or relative to the folder of the models that holds `beside`.

        Raises BadRequest naming field and value: outside, in a folder that does not exist, of another kind.
        """
        path = _check_plain(field, text)
        if path.suffix.lower() != ".gguf":
            raise BadRequest(f"{field}: {text!r} is not allowed; the file's name must end in .gguf")
        if any(part.startswith(".") for part in path.parts):
            raise BadRequest(f"{field}: {text!r} is not allowed; names that begin with a dot are not listed")
        if not path.is_absolute():
            path = self._find_root(beside) / path
        (path,) = self._list_candidates(field, path)
        if not os.path.isdir(path.parent):
            raise BadRequest(f"{field}: there is no folder {path.parent}")
        if os.path.isdir(path):
            raise BadRequest(f"{field}: {text!r} is a folder")
        return path

    async def describe(self, path: Path) -> JobResult:
        """Type and name that a file has in the catalog, after reading its folders again.

        Outside of its folders a file has no type, and the name is that of the file.
        """
        await self._catalog.refresh()
        for kind, folder in self._catalog.folders.items():
            if path.is_relative_to(folder):
                name = path.relative_to(folder).as_posix()
                return JobResult(path=str(path), model_type=kind, name=name)
        return JobResult(path=str(path), name=path.name)

    def _list_candidates(self, field: str, path: PurePath) -> list[Path]:
        if not path.is_absolute():
            return list(dict.fromkeys(root / path for root in self._roots))
        # The folders may be links, and a client may know them by either name.
        for root in self._roots:
            for name in (root, Path(os.path.realpath(root))):
                if path.is_relative_to(name):
                    return [root / path.relative_to(name)]
        raise BadRequest(
            f"{field}: {str(path)!r} is outside of {self._describe_roots()};"
            " the setting paths.convert_dirs opens others"
        )

    def _find_root(self, path: Path) -> Path:
        return next(root for root in self._roots if path.is_relative_to(root))

    def _describe_roots(self) -> str:
        names: dict[Path, list[str]] = {}
        for root in self._roots:
            names.setdefault(root.parent, []).append(root.name)
        folders = [
            str(parent / inside[0]) if len(inside) == 1 else f"{parent}/{{{','.join(inside)}}}"
            for parent, inside in names.items()
        ]
        return f"the model folders ({', '.join(folders)})"


def _check_plain(field: str, text: str) -> PurePath:
    if "\0" in text or "\\" in text or ".." in PurePath(text).parts:
        raise BadRequest(f"{field}: {text!r} is not allowed; the path must be plain, without '..' and '\\'")
    return PurePath(text)
