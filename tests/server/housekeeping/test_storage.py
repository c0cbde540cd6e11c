"""What files take, in GET /health and in server_status."""

import shutil
import time
from pathlib import Path

import pytest

from tests.server.housekeeping.stock import delete, restore
from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, SHORT
from tests.support.server_setup import ServerSetup

FIELDS = {
    "outputs_bytes", "trash_bytes", "inputs_bytes", "models_disk_free_bytes", "outputs_disk_free_bytes",
}  # fmt: skip
SECONDS = 30

SERVER = ServerSetup(scripted=True, loads=[SCRIPTED])


def wait_for_storage(server: RunningServer, **expected: int) -> None:
    """Until /health shows these numbers; nothing tells when it measured anew."""
    until = time.monotonic() + SECONDS
    while not ((storage := server.get("/health")["storage"]) and storage.items() >= expected.items()):
        assert time.monotonic() < until, (storage, expected)
        time.sleep(0.1)


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_health_tells_what_outputs_inputs_and_trash_take(server: RunningServer) -> None:
    jobs = [server.make("/img2img", **SHORT, init_image_base64=as_base64())["job_id"] for _ in range(2)]
    size = bytes_in(server.output_dir / jobs[0])
    everything, inputs = bytes_in(server.output_dir), bytes_in(server.data_dir / "inputs")
    assert size
    wait_for_storage(server, outputs_bytes=everything, trash_bytes=0, inputs_bytes=inputs)
    delete(server, jobs[0])
    wait_for_storage(server, outputs_bytes=everything - size, trash_bytes=size, inputs_bytes=inputs)
    restore(server, jobs[0])
    wait_for_storage(server, outputs_bytes=everything, trash_bytes=0)
    delete(server, *jobs, purge=True)
    wait_for_storage(server, outputs_bytes=0, trash_bytes=0, inputs_bytes=0)


def test_jobs_of_earlier_runs_count(server: RunningServer) -> None:
    job_id = server.make(**SHORT)["job_id"]
    size = bytes_in(server.output_dir / job_id)
    server.restart()
    wait_for_storage(server, outputs_bytes=size)


def test_health_tells_what_is_left_of_the_disks(server: RunningServer) -> None:
    wait_for_storage(server)
    storage = server.get("/health")["storage"]
    assert storage.keys() == FIELDS
    for name, folder in (("models", server.models_dir), ("outputs", server.output_dir)):
        free = shutil.disk_usage(folder).free
        assert storage[f"{name}_disk_free_bytes"] == pytest.approx(free, rel=0.2)


def test_server_status_has_it_too(server: RunningServer) -> None:
    wait_for_storage(server)
    with server.events() as events:
        assert events.wait_for("server_status")["storage"].keys() == FIELDS
