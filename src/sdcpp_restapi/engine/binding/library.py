"""The engine's shared library: how it is opened, its functions, how its strings are read."""

import ctypes
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import EngineUnusable
from . import backends
from .names import SUPPLIERS
from .revision import Revision
from .revisions import INSTALL


class Library:
    """An opened library; `c` has result and argument types set on every function of the revision."""

    def __init__(self, c: ctypes.CDLL, path: Path, revision: Revision) -> None:
        self.c = c
        self.path = path
        self.revision = revision
        for name, (result, arguments) in revision.functions.items():
            function = getattr(c, name, None)
            if function is not None:
                function.restype, function.argtypes = result, arguments

    def list_missing(self) -> list[str]:
        """Functions of the revision that it does not have."""
        return [name for name in self.revision.functions if not hasattr(self.c, name)]

    def read_string(self, function: str, *arguments: Any) -> str:
        """Call a function that returns a string; one that is declared void* is copied and freed."""
        answer = getattr(self.c, function)(*arguments)
        if isinstance(answer, int):
            copy = ctypes.string_at(answer)
            self._free(answer)
            return copy.decode(errors="replace")
        return answer.decode(errors="replace") if answer else ""

    def _free(self, address: int) -> None:
        # The C runtime that allocated it; on Windows it is not reachable through this handle, and a few
        # hundred bytes at start may stay.
        free = getattr(self.c, "free", None)
        if free is not None:
            free(ctypes.c_void_p(address))


def open_file(path: Path) -> ctypes.CDLL:
    """Open a library with what it needs, and register its backends. Raises EngineUnusable."""
    if not path.is_file():
        raise EngineUnusable(f"The engine library {path} does not exist: {INSTALL}")
    backends.preload_cuda(path)
    c = _open(path)
    backends.register_backends(c, path)
    return c


def read_commit(c: ctypes.CDLL) -> str | None:
    """What a library calls its revision; None if it is not stable-diffusion.cpp."""
    try:
        function = c.sd_commit
    except AttributeError:
        return None
    function.restype, function.argtypes = ctypes.c_char_p, []
    commit: bytes | None = function()
    return (commit or b"").decode(errors="replace")


def _open(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        # A copy outside of the wheel does not find the OpenMP runtime that the wheel brings along, and a
        # build of one's own may not find the ggml libraries beside it.
        if not _open_missing(path, str(error)):
            raise EngineUnusable(f"The engine library cannot be opened ({error}): {INSTALL}") from None
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineUnusable(f"The engine library cannot be opened ({error}): {INSTALL}") from None


def _open_missing(path: Path, complaint: str) -> bool:
    """Whether anything could be opened that the complaint names as missing."""
    found: list[Path] = []
    if "libgomp" in complaint:
        found = [lib for folder in _wheel_folders() for lib in Path(f"{folder}.libs").glob("libgomp*")]
    elif "ggml" in complaint:
        found = [lib for name in ("base", "") for lib in path.parent.glob(f"libggml{name and '-'}{name}.*")]
    for library in found:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return bool(found)


def _wheel_folders() -> Iterator[str]:
    for supplier in SUPPLIERS:
        spec = importlib.util.find_spec(supplier)
        yield from (spec.submodule_search_locations or []) if spec else []
