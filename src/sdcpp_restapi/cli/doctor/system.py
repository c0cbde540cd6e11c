"""Python, libraries, processor and memory."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import psutil

from ...config import Settings
from ...os_support import count_usable_cpus
from ...os_support.memory import measure_free_memory, measure_total_memory
from .findings import Finding, note, ok, size, wrong

OLDEST = (3, 12)
LIBRARIES = ("sdcpp-restapi", "fastapi", "uvicorn", "websockets", "pydantic", "pillow", "numpy", "httpx")
# Below this not even a quantised SD1.5 fits beside the system.
LITTLE_MEMORY = 3 * 2**30


def check(_settings: Settings) -> Iterator[Finding]:
    """Everything that does not depend on settings."""
    yield _check_python()
    yield _check_libraries()
    yield ok(
        "Processor", f"{psutil.cpu_count(logical=False) or '?'} cores, {count_usable_cpus()} usable threads"
    )
    yield _check_memory()


def _check_python() -> Finding:
    found = platform.python_version()
    if sys.version_info < OLDEST:
        return wrong("Python", f"{found} is too old", "install Python 3.12 or later")
    return ok("Python", f"{found} ({sys.executable})")


def _check_libraries() -> Finding:
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return wrong("Libraries", f"{', '.join(missing)} not installed", f"pip install {' '.join(missing)}")
    return ok("Libraries", ", ".join(found))


def _check_memory() -> Finding:
    total, available = measure_total_memory(), measure_free_memory()
    detail = f"{size(total)}, of which {size(available)} are available"
    if available < LITTLE_MEMORY:
        return note("Memory", detail, "choose small or quantised models, or end other programs")
    return ok("Memory", detail)
