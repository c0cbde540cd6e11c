"""What memory this machine has, and whether a variant of a set fits into it."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ..engine.binding import measurements
from ..os_support.linux_files import list_amd_memory
from ..os_support.memory import measure_total_memory
from ..schemas.model_sets import ModelSet, SetFile

# Kept free for the system and this server: a quarter of small machines, four gigabytes of large ones.
MOST_KEPT_FREE = 4 * 10**9
# Files that are computed on the CPU unless a load says otherwise (keep_clip_on_cpu).
_ON_CPU = ("clip_l", "clip_g", "clip_vision", "t5xxl", "llm", "llm_vision")
# Where a set names no size: that of the presets of most architectures.
_SIDE = 1024
_SECONDS = 5.0


@dataclass(frozen=True)
class MachineMemory:
    """In bytes; `device` is that of the largest GPU, None where there is none or it does not tell."""

    ram: int
    device: int | None = None

    @property
    def usable(self) -> int:
        """Of the RAM."""
        return self.ram - min(self.ram // 4, MOST_KEPT_FREE)


@dataclass(frozen=True)
class MemoryNeed:
    """What a variant takes while it draws, in bytes: on the device, and in RAM besides."""

    drawing: int
    text: int

    @property
    def total(self) -> int:
        """All of it, as a machine without a GPU needs it."""
        return self.drawing + self.text


def compute_need(of: ModelSet, files: Sequence[SetFile]) -> MemoryNeed:
    """The sizes of the files that are loaded, and what decoding one picture of the set's size takes.

    The same rule as that of `POST /plan`; what sampling takes besides is not counted.
    """
    loaded = [file for file in files if file.part is not None]
    text = sum(file.likely_size for file in loaded if file.part in _ON_CPU)
    drawing = sum(file.likely_size for file in loaded if file.part not in _ON_CPU)
    if not loaded:
        return MemoryNeed(sum(file.likely_size for file in files), 0)
    return MemoryNeed(drawing + _compute_decoding(of), text)


def judge(need: MemoryNeed, memory: MachineMemory | None) -> tuple[bool | None, str]:
    """Whether it fits, and a sentence that says why."""
    if memory is None:
        return None, "no engine runs on this machine; what its workers have is not known"
    if need.total > memory.usable:
        return False, f"needs {_gb(need.total)}; of {_gb(memory.ram)} RAM {_gb(memory.usable)} may be used"
    if memory.device is not None and need.drawing > memory.device:
        return False, f"needs {_gb(need.drawing)} on the GPU, which has {_gb(memory.device)}"
    where = f"{_gb(memory.device)} on the GPU and " if memory.device is not None else ""
    return True, f"needs {_gb(need.total)}; there are {where}{_gb(memory.ram)} RAM"


def _compute_decoding(of: ModelSet) -> int:
    width, height = (_read_number(of, name, _SIDE) for name in ("width", "height"))
    per_pixel = measurements.VAE_BYTES_PER_PIXEL
    if of.makes == "videos":
        frames = _read_number(of, "video_frames", 33)
        per_frame = measurements.VIDEO_VAE_BYTES_PER_PIXEL_AND_FRAME
        per_pixel = measurements.VIDEO_VAE_BYTES_PER_PIXEL + per_frame * frames
    return width * height * per_pixel


def _read_number(of: ModelSet, name: str, otherwise: int) -> int:
    value = of.defaults.get(name)
    return value if isinstance(value, int) else otherwise


@cache
def measure(uses_gpu: bool) -> MachineMemory:
    """That of this machine, asked once; waits for a program of the GPU's driver."""
    return MachineMemory(measure_total_memory(), _find_device_memory() if uses_gpu else None)


def _find_device_memory() -> int | None:
    found = [*_ask_nvidia(), *list_amd_memory()]
    return max(found, default=None)


def _ask_nvidia() -> list[int]:
    """https://docs.nvidia.com/deploy/nvidia-smi: memory.total is in MiB."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
        return [int(entry) * 2**20 for entry in told.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
