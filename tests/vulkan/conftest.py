"""The Vulkan build of the engine on a device of software, Mesa's llvmpipe: what a GPU does differently.

    apt-get install -y libvulkan1 mesa-vulkan-drivers
    ./test --heavy tests/vulkan

The build is fetched once, by `sdcpp engine install` into tests/.cache. Text encoders stay on the CPU in all
jobs: with one on llvmpipe (Mesa 22.3) cyllama-vulkan 0.7.0 corrupts its heap, also without our server.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sdcpp_restapi.cli.engine.builds import find_build
from sdcpp_restapi.config.chosen_engine import find_chosen_library
from tests.support.command import sdcpp
from tests.support.outputs import opened
from tests.support.running_server import RunningServer

ROOT = Path(__file__).parents[1]
DRIVERS = "/usr/share/vulkan/icd.d"
# ggml leaves devices out that are a CPU, unless they are asked for.
VISIBLE = {"GGML_VK_VISIBLE_DEVICES": "0"}
DEVICE = "Vulkan0"
# The shaders of a model are compiled with its first picture: 16 s on two quiet cores, a step takes 1.5.
FIRST_SECONDS = 240
# From the CPU's picture, of 255: 0.27 and 2 were measured for four steps, 0.30 and 3 for two.
MEAN_DIFFERENCE, MOST_DIFFERENCE = 1.0, 8

type Pixels = NDArray[np.int16]
type VulkanEnvironment = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def vulkan_library() -> Path:
    """The library of the build that `sdcpp engine install vulkan` fetches."""
    if not list(Path(DRIVERS).glob("lvp_icd*.json")):
        pytest.skip(f"no llvmpipe in {DRIVERS}: apt-get install libvulkan1 mesa-vulkan-drivers")
    build = find_build("vulkan")
    assert build is not None
    kept = ROOT / ".cache" / build.folder_name
    if find_chosen_library(kept) is None:
        fresh = kept.with_name(f".{build.folder_name}.{os.getpid()}")
        fresh.mkdir(parents=True)
        ended = sdcpp("engine", "install", "vulkan", "--data-dir", str(fresh), folder=fresh, **VISIBLE)
        if ended.returncode != 0:
            pytest.skip(f"the Vulkan build cannot be installed: {ended.stderr.strip()}")
        with suppress(OSError):  # another process was faster
            fresh.rename(kept)
    library = find_chosen_library(kept)
    assert library is not None
    return library


@pytest.fixture(scope="session")
def vulkan_environment(vulkan_library: Path) -> VulkanEnvironment:
    """The environment of a server with these devices."""

    def of(devices: str) -> dict[str, str]:
        return VISIBLE | {
            "SDCPP_ENGINE_LIBRARY": str(vulkan_library),
            "SDCPP_ENGINE_DEVICES": devices,
            "SDCPP_ENGINE_RESTART_DELAY": "0",
        }

    return of


def draw(server: RunningServer, **params: Any) -> Pixels:
    """The picture of a job."""
    job = server.wait_for_job(server.submit(**params), FIRST_SECONDS)
    assert job["status"] == "completed", job
    return pixels_of(server, job)


def pixels_of(server: RunningServer, job: dict[str, Any]) -> Pixels:
    """Signed, so that they can be subtracted."""
    return np.asarray(opened(server, job).convert("RGB"), np.int16)
