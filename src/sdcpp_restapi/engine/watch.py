"""Telling a hang from hard work.

Silence alone proves nothing: one VAE decode on a CPU takes minutes. A child that says nothing and uses no
CPU time either is stuck. On a GPU it may wait for the device without using the CPU, so there it gets longer.
"""

import asyncio

from .client import EngineChild

# CPU seconds below which a child counts as idle: waking up to look at a socket is not work.
IDLE_CPU_SECONDS = 0.05


# Seconds of silence that a child with a GPU gets at least, whatever the setting says.
GPU_PATIENCE = 1800.0


async def watch_for_hang(child: EngineChild, hang_after: float) -> None:
    """Kill the child once it neither spoke nor used CPU time for `hang_after` seconds."""
    if any(not device.upper().startswith("CPU") for device in child.hello.devices):
        hang_after = max(hang_after, GPU_PATIENCE)
    loop = asyncio.get_running_loop()
    quiet_since, cpu = loop.time(), child.cpu_seconds()
    while True:
        await asyncio.sleep(min(hang_after / 10, 5.0))
        now_cpu = child.cpu_seconds()
        if child.last_word > quiet_since or now_cpu - cpu > IDLE_CPU_SECONDS:
            quiet_since, cpu = loop.time(), now_cpu
        elif loop.time() - quiet_since >= hang_after:
            child.kill(
                f"The engine hung: no message and no CPU time for {hang_after:g} s (engine.hang_after)"
            )
            return
