"""The field `engine`, and what the server tells of the revision of its engine."""

from typing import Any

import pytest

from tests.server.requests.conftest import PICTURE
from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer


def config_of(server: RunningServer, job: Any) -> Any:
    return server.get(f"/output/{job['job_id']}/config.json")


def test_the_revision_is_told_wherever_the_engine_is_described(server: RunningServer) -> None:
    revision = server.get("/health")["engine"]
    assert server.get("/options")["engine"] == revision
    job = server.make(**PICTURE)
    assert job["engine"] == config_of(server, job)["engine"] == revision


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param("/txt2img", {}, marks=pytest.mark.proves("txt2img.engine")),
        pytest.param(
            "/img2img",
            {"init_image_base64": as_base64(picture(64, 64))},
            marks=pytest.mark.proves("img2img.engine"),
        ),
    ],
)
def test_same_means_the_revision_of_this_server_and_another_one_is_refused(
    server: RunningServer, path: str, more: dict[str, Any]
) -> None:
    revision = server.get("/health")["engine"]
    job = server.make(path, **PICTURE, **more, engine="same")
    assert job["params"]["engine"] == revision
    told = server.post(path, PICTURE | more | {"engine": "0123abc"}, expect=400)
    assert told["field"] == "engine"
    assert told["error"].endswith(f"there is {revision}")


@pytest.mark.parametrize("engine", ["newest", "abc", "0123xyz", 7, ""])
def test_what_is_no_revision_is_refused(server: RunningServer, engine: object) -> None:
    assert "engine" in server.post("/txt2img", PICTURE | {"engine": engine}, expect=400)["error"]
