"""One server, a hub and its CDN for each module."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_upstream import upstreams
from tests.support.hub_site import HubSite
from tests.support.running_server import RunningServer

TOKEN = "hf_token-that-nobody-may-see"


@pytest.fixture(scope="module")
def hub() -> Iterator[HubSite]:
    with upstreams(2) as (site, cdn):
        yield HubSite(site, cdn)


@pytest.fixture(scope="module")
def environment(hub: HubSite, root: Path) -> dict[str, str]:
    """Of a server that asks this hub, by the variable of Hugging Face's own library."""
    return {
        "HF_ENDPOINT": hub.site.url,
        "HF_HOME": str(root / "hugging"),
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_HUGGINGFACE_TOKEN": TOKEN,
        "SDCPP_DOWNLOADS_RETRIES": "2",
        "SDCPP_DOWNLOADS_RETRY_DELAY": "0.05",
        "SDCPP_DOWNLOADS_TIMEOUT": "5",
    }


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, at `models` below tmp_path."""
    folder = tmp_path / "models"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "small", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def sets_dir(server: RunningServer) -> Path:
    """Where a user puts sets."""
    return server.models_dir / "sets"


def pull(server: RunningServer, name: str, **body: Any) -> Any:
    """Pull a set; the job at its end."""
    accepted = server.post("/models/pull", {"set": name, **body}, expect=202)
    return server.wait_for_job(accepted["download_job_id"])


def pulled(server: RunningServer, name: str, **body: Any) -> Any:
    """Pull a set, which must go well."""
    job = pull(server, name, **body)
    assert job["status"] == "completed", job
    return job
