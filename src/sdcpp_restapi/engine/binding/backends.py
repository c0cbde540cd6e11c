"""What builds of the engine for GPUs need besides the library itself.

The plain wheel has its backend compiled in. The GPU wheels (cyllama-cuda12, cyllama-vulkan, ...) and builds
of upstream's own keep each ggml backend in a library of its own, which must be registered before a context is
made; without that the engine knows no device at all (measured on cyllama-vulkan 0.4.9).
"""

import ctypes
import importlib.util
from collections.abc import Iterator
from pathlib import Path

# CUDA's runtime is not in the wheel: it comes from the system or from these packages, and must be in the
# process before the backend that links to it.
CUDA_PACKAGES = ("nvidia.cuda_runtime", "nvidia.cublas")
# In the order in which the engine is to see them.
BACKENDS = ("cuda", "hip", "vulkan", "sycl", "cpu")


def preload_cuda(library: Path) -> None:
    """Open CUDA's runtime libraries where they are installed from PyPI; elsewhere the system's are found.

    They are in the environment, or beside the package that `library` is of.
    """
    for folder in dict.fromkeys(_list_cuda_folders(library)):
        for found in sorted(folder.glob("lib*.so.*")):
            ctypes.CDLL(str(found), mode=ctypes.RTLD_GLOBAL)


def _list_cuda_folders(library: Path) -> Iterator[Path]:
    for package in CUDA_PACKAGES:
        yield library.parent.parent.parent.joinpath(*package.split("."), "lib")
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        yield from (Path(folder, "lib") for folder in (spec.submodule_search_locations or [] if spec else []))


def register_backends(c: ctypes.CDLL, library: Path) -> None:
    """Register the backends that belong to `library`; a backend that cannot run is left out.

    They lie beside the package of a wheel, or beside the library itself in a build of one's own. Registering
    them twice in one process would corrupt its memory.
    """
    load = getattr(c, "ggml_backend_load", None)
    load_all = getattr(c, "ggml_backend_load_all_from_path", None)
    if load_all is not None and any(library.parent.glob("*ggml-*")):
        load_all.restype, load_all.argtypes = None, [ctypes.c_char_p]
        load_all(str(library.parent).encode())
    elif load is not None:
        load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        for path in _list_of_wheel(library):
            load(str(path).encode())


def _list_of_wheel(library: Path) -> list[Path]:
    """<package>/sd/<library> and <package>.libs/libggml-<backend>-<hash>.so"""
    wheel = library.parent.parent
    return [
        path
        for name in BACKENDS
        for path in wheel.parent.glob(f"*.libs/libggml-{name}-*.so*")
        if path.parent.name.startswith(wheel.name)
    ]
