"""An engine that may take little memory: what does not fit is refused or done another way, and told."""

from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

# Bytes of a pixel by a TAESD are 1,920: 480 MiB for 512x512. The child itself takes about 100.
LIMIT_MB = 400
SERVER = ServerSetup(
    models=["sd1"],
    env={
        "SDCPP_ENGINE_MAX_MEMORY_MB": str(LIMIT_MB),
        "SDCPP_ENGINE_MEMORY_CHECK": "false",
        "SDCPP_ENGINE_RESTART_DELAY": "0",
    },
    loads=["sd1"],
)
PICTURE: dict[str, Any] = {
    "prompt": "a cat",
    "width": 512,
    "height": 512,
    "steps": 1,
    "cfg_scale": 1,
    "seed": 7,
}
TILED = "memory: there is not enough for this model and size, so the VAE decodes in tiles (vae_tiling)"


@pytest.mark.heavy
def test_a_job_that_runs_out_of_memory_is_decoded_in_tiles_and_the_next_one_at_once(
    server: RunningServer,
) -> None:
    with server.events() as events:
        job = server.make(**PICTURE)
        requeued = events.wait_for("job_status_changed", lambda data: data["previous_status"] == "processing")
    assert requeued["status"] == "pending"
    assert job["warnings"] == [TILED]
    with server.events() as events:
        again = server.make(**PICTURE)
    statuses = [event["data"]["status"] for event in events.heard if event["event"] == "job_status_changed"]
    assert "pending" not in statuses
    assert again["warnings"] == [TILED]
    small = server.make(**PICTURE | {"width": 64, "height": 64})
    assert "warnings" not in small
