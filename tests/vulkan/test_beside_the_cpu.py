"""A slot on Vulkan and one on the CPU, in one server with one queue."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.devices.conftest import load_everywhere
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build
from tests.vulkan.conftest import DEVICE, FIRST_SECONDS, VulkanEnvironment

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

CPU = "cpu:1"
# Steps: the CPU takes minutes for them, in which Vulkan has begun.
ENDLESS = 50_000
PICTURE: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "steps": 2,
    "cfg_scale": 1,
    "seed": 7,
}


@pytest.fixture(scope="module")
def server(root: Path, vulkan_environment: VulkanEnvironment) -> Iterator[RunningServer]:
    env = vulkan_environment(f"{DEVICE},{CPU}") | {"SDCPP_LIMITS_MAX_STEPS": str(ENDLESS)}
    with RunningServer(root, env=env) as running:
        load_everywhere(running, build("minit2i").install(running.models_dir))
        yield running


def test_each_device_draws_its_job_at_the_same_time(server: RunningServer) -> None:
    slots = {slot["device"]: slot["model_name"] for slot in server.get("/health")["loaded_slots"]}
    assert slots == dict.fromkeys((DEVICE, CPU), "minit2i.safetensors")
    with server.events(previews=False) as events:
        jobs = [server.submit(**PICTURE | {"steps": ENDLESS}) for _ in range(2)]
        begun: set[str] = set()
        while begun != set(jobs):
            begun.add(events.wait_for("job_progress", seconds=FIRST_SECONDS)["job_id"])
    assert {slot["job_id"] for slot in server.get("/health")["loaded_slots"]} == set(jobs)
    for job in jobs:
        assert server.http.delete(f"/queue/{job}").status_code == 200
        assert server.wait_for_job(job, FIRST_SECONDS)["status"] == "cancelled"
