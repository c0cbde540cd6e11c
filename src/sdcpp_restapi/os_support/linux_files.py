"""What Linux tells in files; on other systems it is unknown."""

from contextlib import suppress
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CPUS = Path("/proc/cpuinfo")
GRAPHICS_CARDS = Path("/sys/class/drm")
VMSTAT = Path("/proc/vmstat")


@cache
def read_boot_id() -> str:
    """An id that changes with every boot; empty where there is none."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def list_amd_memory() -> list[int]:
    """Bytes of each of AMD's cards, https://docs.kernel.org/gpu/amdgpu/driver-misc.html."""
    found = []
    for path in GRAPHICS_CARDS.glob("card*/device/mem_info_vram_total"):
        with suppress(OSError, ValueError):
            found.append(int(path.read_text("ascii")))
    return found


def has_avx_512() -> bool:
    """Whether the processor is known to have AVX-512."""
    try:
        return " avx512" in CPUS.read_text()
    except OSError:
        return False
