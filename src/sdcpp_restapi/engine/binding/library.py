"""The engine's shared library: where it is installed, how it is opened, how its strings are read."""

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ...errors import EngineUnusable
from . import backends
from .revision import Revision


class Library:
    """An opened library; `c` has result and argument types set on every function of the revision."""

    def __init__(self, path: Path, revision: Revision) -> None:
        """Raises EngineUnusable: not a loadable library, or not one with all the functions."""
        self.path = path
        self.revision = revision
        backends.preload_cuda()
        self.c = _open(path, revision.install)
        backends.register_backends(self.c, path)
        for name, (result, arguments) in revision.functions.items():
            try:
                function = getattr(self.c, name)
            except AttributeError:
                raise EngineUnusable(
                    f"{path} is not stable-diffusion.cpp {revision.commit}"
                    f" (it has no function {name}): {revision.install}"
                ) from None
            function.restype, function.argtypes = result, arguments

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


def find_library(revision: Revision) -> Path:
    """The library in the installed cyllama wheel, found without importing it. Raises EngineUnusable."""
    spec = importlib.util.find_spec("cyllama")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for suffix in ("so", "pyd", "dylib"):
            for found in sorted(Path(folder, "sd").glob(f"stable_diffusion*.{suffix}")):
                return found
    raise EngineUnusable(f"The engine library is not installed: {revision.install}")


def _open(path: Path, install: str) -> ctypes.CDLL:
    if not path.is_file():
        raise EngineUnusable(f"The engine library {path} does not exist: {install}")
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        # A copy outside of the wheel does not find the OpenMP runtime that the wheel brings along.
        if not (sys.platform == "linux" and "libgomp" in str(error) and _open_bundled_openmp()):
            raise EngineUnusable(f"The engine library cannot be opened ({error}): {install}") from None
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineUnusable(f"The engine library cannot be opened ({error}): {install}") from None


def _open_bundled_openmp() -> bool:
    spec = importlib.util.find_spec("cyllama")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [lib for folder in folders for lib in Path(f"{folder}.libs").glob("libgomp*")]
    for library in found:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return bool(found)
