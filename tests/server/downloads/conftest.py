"""One server and its upstreams per module; tests use names of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_upstream import Upstream, upstreams
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

CIVITAI_TOKEN = "civitai-token-that-nobody-may-see"
HUGGINGFACE_TOKEN = "hf_token-that-nobody-may-see"

Environment = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Upstream]]:
    with upstreams(3) as running:
        yield running


@pytest.fixture(scope="module")
def civitai_site(servers: list[Upstream]) -> Upstream:
    return servers[0]


@pytest.fixture(scope="module")
def hub_site(servers: list[Upstream]) -> Upstream:
    return servers[1]


@pytest.fixture(scope="module")
def cdn(servers: list[Upstream]) -> Upstream:
    return servers[2]


@pytest.fixture(scope="module")
def environment(civitai_site: Upstream, hub_site: Upstream) -> Environment:
    """Environment of a server that downloads from this machine and soon gives up; settings are added."""

    def of(**settings: str) -> dict[str, str]:
        own = {
            "allow_private": "1",
            "civitai_url": civitai_site.url,
            "huggingface_url": hub_site.url,
            "civitai_token": CIVITAI_TOKEN,
            "huggingface_token": HUGGINGFACE_TOKEN,
            "retries": "2",
            "retry_delay": "0.05",
            "timeout": "5",
            **settings,
        }
        return {f"SDCPP_DOWNLOADS_{name.upper()}": value for name, value in own.items()}

    return of


@pytest.fixture(scope="module")
def server_setup(environment: Environment) -> ServerSetup:
    return ServerSetup(env=environment())


def download(server: RunningServer, **body: Any) -> dict[str, Any]:
    """Order a model; the answer."""
    answer: dict[str, Any] = server.post("/models/download", {"model_type": "lora", **body}, expect=202)
    return answer


def fetched(server: RunningServer, **body: Any) -> dict[str, Any]:
    """Order a model and wait until it is there; the download job."""
    job = finished(server, **body)
    assert job["status"] == "completed", job
    return job


def finished(server: RunningServer, **body: Any) -> dict[str, Any]:
    """Order a model and wait for the end of its download, however that is."""
    job: dict[str, Any] = server.wait_for_job(download(server, **body)["download_job_id"])
    return job


def files(server: RunningServer) -> set[str]:
    """Everything in the model folders and in the folder of unfinished downloads."""
    folders = (server.models_dir, server.data_dir / "downloads")
    return {str(p.relative_to(server.root)) for folder in folders for p in folder.rglob("*") if p.is_file()}


def stored(server: RunningServer, name: str) -> Path:
    return server.models_dir / "loras" / name
