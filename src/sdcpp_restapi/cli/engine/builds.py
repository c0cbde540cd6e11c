"""The builds that can be installed: packages of the same library and version, each for other devices."""

import re
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).with_name("locks")


@dataclass(frozen=True, kw_only=True)
class EngineBuild:
    """One build; its package, version and hashes are in the file of locks with its name."""

    name: str
    devices: str
    # What its package has wheels for (PyPI, cyllama 0.7.0).
    systems: str
    needs: str

    @property
    def lock(self) -> Path:
        """What pip installs, with hashes."""
        return LOCKS / f"{self.name}.txt"

    @property
    def package(self) -> str:
        """E.g. cyllama-vulkan."""
        return self._pinned[0]

    @property
    def version(self) -> str:
        """E.g. 0.7.0."""
        return self._pinned[1]

    @property
    def folder_name(self) -> str:
        """E.g. vulkan-0.7.0."""
        return f"{self.name}-{self.version}"

    @property
    def _pinned(self) -> tuple[str, str]:
        found = re.match(r"([\w-]+)==(\S+)", self.lock.read_text("utf-8"))
        assert found is not None
        return found[1], found[2]


BUILDS = (
    EngineBuild(
        name="vulkan",
        devices="GPUs of AMD, Intel and NVIDIA",
        systems="Linux x86-64, Windows, macOS x86-64",
        needs="Vulkan's loader and a driver (Debian: libvulkan1, mesa-vulkan-drivers)",
    ),
    EngineBuild(
        name="cuda12",
        devices="GPUs of NVIDIA",
        systems="Linux x86-64, Windows",
        needs="NVIDIA's driver, and the runtime of CUDA 12: the system's, or --cuda-runtime",
    ),
    EngineBuild(
        name="rocm", devices="GPUs of AMD", systems="Linux x86-64", needs="AMD's driver and ROCm's libraries"
    ),
    EngineBuild(name="sycl", devices="GPUs of Intel", systems="Linux x86-64", needs="Intel's oneAPI runtime"),
)
NAMES = tuple(build.name for build in BUILDS)
# CUDA's runtime, 600 MB.
CUDA_RUNTIME = LOCKS / "cuda12-runtime.txt"


def find_build(name: str) -> EngineBuild | None:
    """The build of this name."""
    return next((build for build in BUILDS if build.name == name), None)
