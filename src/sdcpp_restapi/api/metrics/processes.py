"""What the server's process and its children use, as the system tells it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil

# Modules that children run, and what they are called in the metrics.
_CHILDREN = {"sdcpp_restapi.engine.child": "engine", "sdcpp_restapi.llm.local.child": "chat_model"}
OTHER = "other"


class ProcessUsage(NamedTuple):
    """All processes of a name together."""

    name: str
    resident_bytes: int
    cpu_seconds: float
    written_bytes: int

    def plus(self, other: "ProcessUsage") -> "ProcessUsage":
        """Both together."""
        return ProcessUsage(
            self.name,
            self.resident_bytes + other.resident_bytes,
            self.cpu_seconds + other.cpu_seconds,
            self.written_bytes + other.written_bytes,
        )


def measure() -> list[ProcessUsage]:
    """The server first; reads some files of /proc for each process."""
    found: dict[str, ProcessUsage] = {}
    for name, process in _list_processes():
        with suppress(psutil.Error):  # it has ended
            usage = _measure_one(name, process)
            found[name] = found[name].plus(usage) if name in found else usage
    return list(found.values())


def _measure_one(name: str, process: psutil.Process) -> ProcessUsage:
    with process.oneshot():
        times = process.cpu_times()
        written = 0
        count = getattr(process, "io_counters", None)  # macOS does not tell
        with suppress(psutil.Error):  # not of processes of others
            written = count().write_bytes if count else 0
        return ProcessUsage(name, process.memory_info().rss, times.user + times.system, written)


def _list_processes() -> Iterator[tuple[str, psutil.Process]]:
    own = psutil.Process()
    yield "server", own
    for child in own.children(recursive=True):
        with suppress(psutil.Error):
            command = child.cmdline()
            yield next((name for module, name in _CHILDREN.items() if module in command), OTHER), child
