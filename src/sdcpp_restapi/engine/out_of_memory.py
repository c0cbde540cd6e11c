"""How to tell that the engine ran out of memory from what it says, or from how it ended.

Sentences are those of ggml (ggml.c, ggml-alloc.c, ggml-backend.cpp, ggml-cuda.cu, ggml-vulkan.cpp), of the
C++ library and of this server's own bound; the counter oom_kill of /proc/vmstat is that of Linux since 4.13.
"""

import re
from contextlib import suppress
from pathlib import Path

from ..os_support.linux_files import VMSTAT

_WORDS = re.compile(
    r"out of (device |host )?memory|insufficient memory|bad_alloc|not enough (memory|space in)"
    r"|failed to allocate|unable to allocate|alloc\w* (\w+ )*buffer failed|alloc_buffer failed"
    r"|(cuda|hip)Malloc\w* failed|cannot allocate memory|OutOf(Device|Host)Memory|engine\.max_memory_mb",
    re.IGNORECASE,
)
_KILLED = "was killed by SIGKILL"


class OutOfMemory:
    """Made before a call of the engine; compares what the kernel has counted since then."""

    def __init__(self, vmstat: Path = VMSTAT) -> None:
        self._vmstat = vmstat
        self._before = self._count_kills()

    def explains(self, error: Exception) -> bool:
        """Whether memory ran out is why the call ended so."""
        text = str(error)
        if _WORDS.search(text):
            return True
        return _KILLED in text and self._count_kills() > self._before

    def _count_kills(self) -> int:
        with suppress(OSError, ValueError):
            for line in self._vmstat.read_text("ascii").splitlines():
                name, _, value = line.partition(" ")
                if name == "oom_kill":
                    return int(value)
        return 0
