"""What the GPU wheels of the engine need besides the library itself.

The plain wheel has its backend compiled in. The GPU wheels (cyllama-cuda12, cyllama-vulkan, ...) keep each
ggml backend in a library of its own beside the package, which must be registered before a context is made;
without that the engine knows no device at all (measured on cyllama-vulkan 0.4.9).
"""

import ctypes
import importlib.util
from pathlib import Path

# CUDA's runtime is not in the wheel: it comes from the system or from these packages, and must be in the
# process before the backend that links to it.
CUDA_PACKAGES = ("nvidia.cuda_runtime", "nvidia.cublas")
# In the order in which the engine is to see them.
BACKENDS = ("cuda", "hip", "vulkan", "sycl", "cpu")


def preload_cuda() -> None:
    """Open CUDA's runtime libraries where they are installed from PyPI; elsewhere the system's are found."""
    for package in CUDA_PACKAGES:
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for library in sorted(Path(folder, "lib").glob("lib*.so.*")):
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def register_backends(c: ctypes.CDLL, library: Path) -> None:
    """Register the backends that lie beside `library`'s package; a backend that cannot run is left out."""
    load = getattr(c, "ggml_backend_load", None)
    if load is None:
        return
    load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    for name in BACKENDS:
        for backend in library.parent.parent.parent.glob(f"cyllama*.libs/libggml-{name}-*.so*"):
            load(str(backend).encode())
