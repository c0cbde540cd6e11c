"""A slot on Vulkan: what is placed where, what is drawn, and what becomes of jobs that are cut off."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.support.command import ANY_PORTS, sdcpp
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build
from tests.vulkan.conftest import (
    DEVICE,
    FIRST_SECONDS,
    MEAN_DIFFERENCE,
    MOST_DIFFERENCE,
    VISIBLE,
    Pixels,
    VulkanEnvironment,
    draw,
    pixels_of,
)

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

PICTURE: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "steps": 4,
    "cfg_scale": 1,
    "seed": 7,
}
NUMBERS = count(1)


@pytest.fixture(scope="module")
def server(root: Path, vulkan_environment: VulkanEnvironment) -> Iterator[RunningServer]:
    with RunningServer(root, env=vulkan_environment(DEVICE)) as running:
        yield running


def load(server: RunningServer, kind: str, **options: Any) -> dict[str, str]:
    """Load a tiny model; where the engine says that its parts are: `{"diffusion_model": "VRAM", ...}`."""
    before = len(server.log)
    model = build(kind)
    # A name of its own, so that no earlier line of the log is taken for this load's.
    name = f"{next(NUMBERS)}{model.files['model'].suffix}"
    server.post("/models/load", {**model.install(server.models_dir, name), "options": options})
    server.wait_for_log(f"loaded {re.escape(name)} ")
    (told,) = (line for line in server.log[before:] if "total params memory size" in line)
    return dict(re.findall(r"(\w+) [\d.]+MB\((VRAM|RAM)\)", told))


@pytest.fixture(scope="module")
def loaded(server: RunningServer) -> RunningServer:
    """Loaded with the diffusion model on Vulkan and the text encoder on the CPU, as it is by default."""
    load(server, "minit2i")
    return server


@pytest.fixture(scope="module")
def undisturbed(loaded: RunningServer) -> Pixels:
    return draw(loaded, **PICTURE)


def child_of(server: RunningServer) -> psutil.Process:
    (child,) = psutil.Process(server.process.pid).children()
    return child


def test_commands_and_health_name_the_device(
    server: RunningServer, root: Path, vulkan_environment: VulkanEnvironment
) -> None:
    doctor = sdcpp("doctor", *ANY_PORTS, folder=root, **vulkan_environment(DEVICE))
    assert re.search(r"Devices: Vulkan0 llvmpipe .*; CPU ", doctor.stdout)
    assert [slot["device"] for slot in server.get("/health")["loaded_slots"]] == [DEVICE]
    assert server.get("/options")["engine"] == server.get("/health")["engine"]


def test_a_device_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, vulkan_environment: VulkanEnvironment
) -> None:
    with RunningServer(tmp_path, env=vulkan_environment("Vulkan7")) as server:
        error = server.post("/models/load", build("minit2i").install(server.models_dir), expect=500)["error"]
    assert "the engine knows no device 'Vulkan7'; it knows Vulkan0, CPU" in error


ALL = ("text_encoders", "diffusion_model", "vae")


@pytest.mark.parametrize(
    ("options", "on_device"),
    [
        ({}, "diffusion_model vae"),
        ({"keep_clip_on_cpu": False}, "text_encoders diffusion_model vae"),
        ({"keep_vae_on_cpu": True}, "diffusion_model"),
        ({"offload_to_cpu": True}, ""),
        ({"backend": "diffusion=cpu"}, "vae"),
        ({"backend": "cpu"}, ""),
        ({"params_backend": "diffusion=cpu"}, "vae"),
        ({"params_backend": "cpu"}, ""),
    ],
    ids=str,
)
def test_parts_of_a_model_are_where_the_options_say(
    server: RunningServer, options: dict[str, Any], on_device: str
) -> None:
    assert load(server, "flux_schnell", **options) == {
        part: "VRAM" if part in on_device.split() else "RAM" for part in ALL
    }


def test_an_unload_gives_the_memory_of_the_device_back(server: RunningServer) -> None:
    def taken() -> int:
        return int(child_of(server).memory_full_info().uss)

    load(server, "sd1", keep_clip_on_cpu=False)
    server.post("/models/unload")  # what the driver keeps once and for all is there now
    empty = taken()
    assert set(load(server, "sd1", keep_clip_on_cpu=False).values()) == {"VRAM"}
    full = taken()
    server.post("/models/unload")
    size = sum(path.stat().st_size for path in build("sd1").files.values())
    assert full - empty > size
    # The memory of a device of software is the process's own.
    assert taken() - empty < size / 2


def test_a_picture_is_near_that_of_the_cpu(server: RunningServer, undisturbed: Pixels) -> None:
    load(server, "minit2i", backend="cpu")
    on_cpu = draw(server, **PICTURE)
    load(server, "minit2i")
    difference = np.abs(undisturbed - on_cpu)
    print(f"Vulkan and CPU differ by {difference.mean():.2f} on average, {difference.max()} at most")
    assert on_cpu.std() > 10
    assert 0 < difference.mean() < MEAN_DIFFERENCE
    assert difference.max() <= MOST_DIFFERENCE


def test_a_repeated_job_has_the_same_pixels_and_shows_previews(
    loaded: RunningServer, undisturbed: Pixels
) -> None:
    shown = {"enabled": True, "mode": "proj", "interval": 1, "max_size": 256, "quality": 75}
    loaded.http.put("/preview/settings", json=shown).raise_for_status()
    with loaded.events() as events:
        again = draw(loaded, **PICTURE)
        events.wait_for("job_preview")
    assert np.array_equal(again, undisturbed)


def test_a_cancelled_job_ends_and_the_engine_goes_on(loaded: RunningServer, undisturbed: Pixels) -> None:
    child = child_of(loaded)
    with loaded.events(previews=False) as events:
        job_id = loaded.submit(**PICTURE | {"steps": 500})
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id, FIRST_SECONDS)
        assert loaded.http.delete(f"/queue/{job_id}").status_code == 200
    assert loaded.wait_for_job(job_id, FIRST_SECONDS)["status"] == "cancelled"
    assert np.array_equal(draw(loaded, **PICTURE), undisturbed)
    assert child_of(loaded) == child


def test_a_job_that_lost_its_engine_goes_on_where_it_was_with_the_same_pixels(
    loaded: RunningServer, undisturbed: Pixels
) -> None:
    with loaded.events(previews=False) as events:
        job_id = loaded.submit(**PICTURE)
        events.wait_for(
            "job_progress",
            lambda data: data["job_id"] == job_id and data["current_all_steps"] >= 2,
            FIRST_SECONDS,
        )
        child_of(loaded).kill()
    job = loaded.wait_for_job(job_id, FIRST_SECONDS)
    assert (job["status"], job["attempt"]) == ("completed", 2)
    assert job["resumed_from_step"] >= 1
    assert np.array_equal(pixels_of(loaded, job), undisturbed)


def test_the_build_is_listed_as_the_one_in_use(vulkan_library: Path, root: Path) -> None:
    data_dir = next(folder for folder in vulkan_library.parents if folder.name == "engines").parent
    listed = sdcpp("engine", "list", "--data-dir", str(data_dir), folder=root, **VISIBLE)
    assert re.search(r"^\* vulkan +installed ", listed.stdout, re.MULTILINE)
