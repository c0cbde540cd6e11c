"""The rules on Origin: pages of other sites may not use a server on their visitor's machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving
from tests.support.websocket_handshake import knock

APP = "https://app.example"


def strangers(server: RunningServer) -> list[str]:
    """Origins that are not this server's, as seen by a request to 127.0.0.1."""
    return [
        "https://evil.example",
        f"http://evil.example:{server.port}",
        f"http://localhost.evil.example:{server.port}",
        "http://127.0.0.2",
        "http://localhost@evil.example",
        "ftp://localhost",
        "http://127.0.0.1/page",
        "null",
        "",
        "file://",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "javascript:alert(1)",
        "chrome-extension://abcdefghijklmnop",
    ]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that a web page elsewhere may use."""
    root: Path = tmp_path_factory.mktemp("shared")
    with serving(root, server_allowed_origins=json.dumps([APP])) as server:
        yield server


def test_a_request_without_an_origin_is_answered(scripted: RunningServer) -> None:
    assert request(scripted, "/health").status == 200


def test_a_page_of_this_server_is_answered(scripted: RunningServer) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        host = f"{name}:{scripted.port}"
        assert request(scripted, "/health", {"Host": host, "Origin": f"http://{host}"}).status == 200


@pytest.mark.parametrize("index", range(15))
def test_a_strange_origin_is_refused_with_the_setting_that_would_allow_it(
    scripted: RunningServer, index: int
) -> None:
    origin = strangers(scripted)[index]
    answer = request(scripted, "/health", {"Origin": origin})
    assert answer.status == 403
    error = json.loads(answer.body)["error"]
    assert "server.allowed_origins" in error
    assert "SDCPP_SERVER_ALLOWED_ORIGINS" in error


def test_a_form_of_another_site_has_no_effect(scripted: RunningServer) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
        headers = {"Origin": "https://evil.example", "Content-Type": kind}
        body = b'{"prompt": "a cat"}'
        assert request(scripted, "/txt2img", headers, "POST", body).status == 403
        assert request(scripted, "/models/unload", headers, "POST").status == 403
    assert scripted.get("/queue")["total_count"] == 0
    assert scripted.get("/health")["model_loaded"] is True


LOOPBACK = ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173", "http://127.0.0.1:1"]


@pytest.mark.parametrize("origin", LOOPBACK)
def test_while_only_this_machine_can_connect_every_page_that_it_serves_may_call(
    scripted: RunningServer, origin: str
) -> None:
    answer = request(scripted, "/health", {"Origin": origin})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
    asking = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
    preflight = request(scripted, "/queue/x", asking, "OPTIONS")
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (200, origin)
    assert knock(scripted.ws_port, {"Origin": origin}) == 101
    assert knock(scripted.port, {"Origin": origin}, "/ws") == 101


def test_a_server_that_others_can_reach_answers_no_other_page_of_this_machine(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0", loaded=False) as server:
        for origin in LOOPBACK:
            assert request(server, "/health", {"Origin": origin}).status == 403
            assert knock(server.ws_port, {"Origin": origin}) == 403


def test_a_host_without_a_port_stands_for_the_ports_of_http_and_https(tmp_path: Path) -> None:
    names = {"server_allowed_hosts": "art.example"}
    with serving(tmp_path, "--host", "0.0.0.0", loaded=False, **names) as server:

        def status(host: str, origin: str) -> tuple[int, bool]:
            headers = {"Host": host, "Origin": origin}
            answer = request(server, "/plan", headers, "POST", b"{}").status
            return answer, knock(server.port, headers, "/ws") == 101

        assert status("art.example", "https://art.example") == (400, True)
        assert status("art.example", "http://art.example") == (400, True)
        assert status("art.example:8443", "https://art.example:8443") == (400, True)
        assert status("art.example", "https://art.example:8443") == (403, False)
        assert status("art.example", "https://other.example") == (403, False)


def test_null_and_the_pages_of_extensions_are_allowed_by_name(tmp_path: Path) -> None:
    allowed = json.dumps(["null", "moz-extension://abc"])
    with serving(tmp_path, loaded=False, server_allowed_origins=allowed) as server:
        for origin in ("null", "moz-extension://abc"):
            answer = request(server, "/health", {"Origin": origin})
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
            assert knock(server.ws_port, {"Origin": origin}) == 101


def test_a_refused_preflight_is_json_like_every_error(shared: RunningServer) -> None:
    for origin, method, status in (("https://evil.example", "POST", 403), (APP, "BREW", 400)):
        asking = {"Origin": origin, "Access-Control-Request-Method": method}
        answer = request(shared, "/txt2img", asking, "OPTIONS")
        assert answer.status == status
        assert {"error", "code"} <= set(json.loads(answer.body))


def test_pages_of_other_sites_get_no_cors_headers(scripted: RunningServer) -> None:
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = request(scripted, "/txt2img", asking, "OPTIONS")
    assert preflight.status == 403
    assert not [name for name in preflight.headers if name.startswith("access-control-")]


def test_an_allowed_origin_is_answered_with_cors_headers(shared: RunningServer) -> None:
    for path, status in (("/health", 200), ("/nothing", 404), ("/queue?limit=0", 400)):
        answer = request(shared, path, {"Origin": APP})
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == APP


def test_a_preflight_of_an_allowed_origin_is_answered(shared: RunningServer) -> None:
    asking = {
        "Origin": APP,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "x-api-key, content-type",
    }
    answer = request(shared, "/queue/x", asking, "OPTIONS")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "x-api-key" in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", f"{APP}.evil.example", "null"]
)
def test_other_origins_stay_refused_beside_an_allowed_one(shared: RunningServer, origin: str) -> None:
    answer = request(shared, "/health", {"Origin": origin})
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("index", range(15))
def test_the_websocket_refuses_strange_origins_on_both_ports(scripted: RunningServer, index: int) -> None:
    origin = strangers(scripted)[index]
    assert knock(scripted.ws_port, {"Origin": origin}) == 403
    assert knock(scripted.port, {"Origin": origin}, "/ws") == 403


def test_the_websocket_port_accepts_pages_of_the_main_port_and_its_own(scripted: RunningServer) -> None:
    for name in ("127.0.0.1", "localhost"):
        host = {"Host": f"{name}:{scripted.ws_port}"}
        for port in (scripted.port, scripted.ws_port):
            assert knock(scripted.ws_port, {**host, "Origin": f"http://{name}:{port}"}) == 101


def test_the_websocket_accepts_an_allowed_origin(shared: RunningServer) -> None:
    assert knock(shared.ws_port, {"Origin": APP}) == 101
    assert knock(shared.port, {"Origin": APP}, "/ws") == 101
    assert knock(shared.ws_port, {"Origin": "https://evil.example"}) == 403
