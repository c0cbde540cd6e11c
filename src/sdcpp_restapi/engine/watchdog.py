"""Watchdogs: one ends a child that hangs, one a child that takes all memory.

That no report comes proves nothing: one VAE decode on a CPU takes minutes. A child that reports nothing and
uses no CPU time either is stuck. On a GPU it may wait for the device without using the CPU, so there it gets
longer.

What a file or request makes of memory is not always told by looking at it. The kernel would end the child too
when nothing is left, but only after everything else on the machine was slow, and perhaps something else.
"""

import asyncio
from collections.abc import Callable

from ..os_support.memory import measure_total_memory
from .client import EngineChild

# CPU seconds below which a child counts as idle: waking up to look at a socket is not work.
IDLE_CPU_SECONDS = 0.05

# The least idle timeout of a child with a GPU, whatever the setting says: so many seconds, and so many times
# its slowest step, since the slower the device is, the longer a decode reports nothing.
GPU_IDLE_TIMEOUT = 1800.0
GPU_IDLE_STEPS = 20


# The share of the machine's memory that a child may take unless a setting says how much.
MEMORY_SHARE = 0.9
# Seconds between two looks at it: between them a child fills a few hundred megabytes.
MEMORY_LOOKS = 0.25


class IdleTimer:
    """How long a child has neither reported nor worked; times are seconds of any clock that only rises."""

    def __init__(self, now: float, cpu: float) -> None:
        self._since = now
        self._cpu = cpu

    def measure(self, now: float, last_report_at: float, cpu: float) -> float:
        """Seconds so far, given when the child last reported and the CPU time it has used."""
        if last_report_at > self._since or cpu - self._cpu > IDLE_CPU_SECONDS:
            self._since, self._cpu = now, cpu
        return now - self._since


def choose_idle_timeout(hang_after: float, devices: list[str], slowest_step: float) -> float:
    """Seconds for which a child may be idle before it counts as hung."""
    if all(device.upper().startswith("CPU") for device in devices):
        return hang_after
    return max(hang_after, GPU_IDLE_TIMEOUT, GPU_IDLE_STEPS * slowest_step)


async def watch_for_hang(child: EngineChild, hang_after: float) -> None:
    """Kill the child once it is idle for too long."""
    loop = asyncio.get_running_loop()
    idle_timer = IdleTimer(loop.time(), child.cpu_seconds())
    while True:
        await asyncio.sleep(min(hang_after / 10, 5.0))
        timeout = choose_idle_timeout(hang_after, child.hello.devices, child.slowest_step)
        if idle_timer.measure(loop.time(), child.last_report_at, child.cpu_seconds()) >= timeout:
            child.kill(f"The engine hung: no message and no CPU time for {timeout:g} s (engine.hang_after)")
            return


def choose_memory_bound(max_memory_mb: int | None) -> int:
    """Bytes that a child may take: the setting, or a share of the machine, or of the container."""
    if max_memory_mb is not None:
        return max_memory_mb * 2**20
    return int(measure_total_memory() * MEMORY_SHARE)


async def watch_memory(
    child: EngineChild, bound: int, memory_of_others: Callable[[], int] = lambda: 0
) -> None:
    """Kill the child once it takes more than `bound` bytes, together with what others take."""
    while True:
        await asyncio.sleep(MEMORY_LOOKS)
        most = max(0, bound - memory_of_others())
        if (taken := child.memory_bytes()) > most:
            child.kill(
                f"The engine took {taken // 2**20} MB of memory, more than the {most // 2**20} MB that it may"
                " (engine.max_memory_mb)"
            )
            return
