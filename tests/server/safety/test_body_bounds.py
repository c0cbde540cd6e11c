"""A body past the setting is refused at every door, with its length told or not, and the server goes on."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("bounded"), loaded=False, server_max_body_mb="1") as running:
        yield running


PLACES = ("", "/v1", "/sdapi/v1", "/controlnet", "/api", "/comfyui")
"""Of this server's own interface and of those of other programs: each describes itself."""


def find_doors(server: RunningServer) -> list[tuple[str, str]]:
    """Method and path of each route that takes JSON."""
    return [
        (method.upper(), place + path.replace("{", "").replace("}", ""))
        for place in PLACES
        for path, methods in server.get(f"{place}/openapi.json")["paths"].items()
        for method, told in methods.items()
        if "application/json" in told.get("requestBody", {}).get("content", {})
    ]


def pieces() -> Iterator[bytes]:
    yield b'{"prompt": "'
    for _ in range(40):
        yield b"a" * (MEGABYTE // 20)
    yield b'"}'


@pytest.mark.parametrize("told", [True, False], ids=["length_told", "chunked"])
def test_a_body_that_is_too_long_is_refused_at_every_door(server: RunningServer, told: bool) -> None:
    doors = find_doors(server)
    assert len(doors) > 30
    wrong = {}
    for method, path in doors:
        body = b"".join(pieces()) if told else pieces()
        answer = server.http.request(method, path, content=body, headers={"Content-Type": "application/json"})
        if answer.status_code != 400 or "server.max_body_mb" not in answer.text:
            wrong[method, path] = (answer.status_code, answer.text[:200])
    assert wrong == {}
    server.get("/health")


FORMS = ("/v1/images/edits", "/v1/images/variations", "/comfyui/upload/image", "/comfyui/upload/mask")


@pytest.mark.parametrize("path", FORMS)
def test_a_form_with_a_file_that_is_too_long_is_refused(server: RunningServer, path: str) -> None:
    files = {"image": ("a.png", b"\x89PNG" + bytes(2 * MEGABYTE), "image/png")}
    for answer in (
        httpx.post(f"{server.url}{path}", files=files, data={"prompt": "a cat"}),
        send_form_in_pieces(server, path),
    ):
        assert (answer.status_code, "server.max_body_mb" in answer.text) == (400, True), answer.text
    server.get("/health")


def send_form_in_pieces(server: RunningServer, path: str) -> httpx.Response:
    whole = httpx.Request(
        "POST",
        f"{server.url}{path}",
        files={"image": ("a.png", b"\x89PNG" + bytes(2 * MEGABYTE), "image/png")},
        data={"prompt": "a cat"},
    )
    body = whole.read()
    parts = (body[at : at + 65536] for at in range(0, len(body), 65536))
    return httpx.post(
        f"{server.url}{path}", content=parts, headers={"Content-Type": whole.headers["content-type"]}
    )
