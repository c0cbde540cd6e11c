"""HEAD is answered wherever GET is, and a 405 tells what would be."""

import json

import pytest

from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(scripted=True, loads=[{"model_name": "scripted.safetensors"}])
# Between two requests these change.
MOVING = {"date", "content-length", "etag", "x-request-id"}


def get_paths(server: RunningServer, job_id: str) -> list[str]:
    described = [path for path, methods in server.get("/openapi.json")["paths"].items() if "get" in methods]
    # The stream of all events has no end: a test of its own asks for its head.
    described = [f"/events?job_id={job_id}" if path == "/events" else path for path in described]
    named = [path.replace("{job_id}", job_id) for path in described]
    pages = ["/", "/docs", "/redoc", "/openapi.json", "/ui/", "/output", "/favicon.ico", "/nothing"]
    return named + pages + ["/queue?limit=1&search=a", "/queue?limit=x"]


def test_head_answers_as_get_does_without_a_body(server: RunningServer) -> None:
    job_id = server.submit(**SHORT)
    server.wait_for_job(job_id)
    paths = get_paths(server, job_id)
    assert len(paths) > 30
    for path in paths:
        read, asked = request(server, path), request(server, path, method="HEAD")
        assert asked.status == read.status, path
        assert asked.body == b"", path
        names = set(read.headers) - {"date", "transfer-encoding"}
        assert names <= set(asked.headers), path
        for name in names - MOVING:
            assert asked.headers[name] == read.headers[name], (path, name)


@pytest.mark.parametrize("path", ["/", "/ws", "/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_what_the_port_of_the_events_does_not_have_is_told_in_json(
    server: RunningServer, method: str, path: str
) -> None:
    answer = request(server, path, method=method, port=server.ws_port)
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "Not found", "code": "not_found"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/health", "GET, HEAD"),
        ("GET", "/txt2img", "POST"),
        ("HEAD", "/txt2img", "POST"),
        ("PATCH", "/queue/x", "DELETE, GET, HEAD"),
        ("POST", "/preview/settings", "GET, HEAD, PUT"),
        ("POST", "/ui/", "GET, HEAD"),
        ("POST", "/static-offline-docs/favicon.png", "GET, HEAD"),
        ("OPTIONS", "/queue", "GET, HEAD"),
        ("OPTIONS", "/", "GET, HEAD"),
        ("OPTIONS", "/output/x", "GET, HEAD"),
        ("OPTIONS", "/ui/nothing", "GET, HEAD"),
        ("OPTIONS", "/queue/jobs", "DELETE, GET, HEAD"),
        ("HEAD", "/models/load", "POST"),
        ("TRACE", "/docs", "GET, HEAD"),
        ("GET", "/api/generate", "POST"),
        ("POST", "/api/tags", "GET, HEAD"),
    ],
)
def test_a_405_tells_which_methods_would_do(
    server: RunningServer, method: str, path: str, allowed: str
) -> None:
    answer = request(server, path, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        assert json.loads(answer.body)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/comfyui/prompt", "GET, HEAD, POST"),
        ("POST", "/queue/status", "GET, HEAD"),
        ("GET", "/mcp", "POST"),
    ],
)
def test_a_405_of_another_programs_interface_tells_it_too(
    server: RunningServer, method: str, path: str, allowed: str
) -> None:
    answer = request(server, path, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
