"""Main memory that is free: the machine's, or what a container's limit leaves.

Files of control groups: docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.current, memory.stat)
and cgroup-v1/memory.html.
"""

from contextlib import suppress
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
# Limit, use, and the statistics with the name of what the kernel takes back when it has to.
_VERSIONS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def measure_free_memory(cgroup: Path = _CGROUP) -> int:
    """Bytes that a process could take now without anything being swapped out or ended."""
    return min([psutil.virtual_memory().available, *_list_left_by_limits(cgroup)])


def measure_total_memory(cgroup: Path = _CGROUP) -> int:
    """Bytes of the machine, or of the container."""
    total = psutil.virtual_memory().total
    for limit, *_others in _VERSIONS:
        with suppress(OSError, ValueError):  # not there, or "max"
            total = min(total, _read_number(cgroup / limit))
    return total


def _list_left_by_limits(cgroup: Path) -> list[int]:
    left = []
    for limit, used, statistics, reclaimable in _VERSIONS:
        with suppress(OSError, ValueError):
            most = _read_number(cgroup / limit)
            taken = _read_number(cgroup / used) - _read_statistic(cgroup / statistics, reclaimable)
            left.append(max(0, most - taken))
    return left


def _read_number(path: Path) -> int:
    return int(path.read_text("ascii"))


def _read_statistic(path: Path, name: str) -> int:
    for line in path.read_text("ascii").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
