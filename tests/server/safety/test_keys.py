"""API keys: asked for everywhere, told nowhere."""

import base64
import json
import re
from typing import Any

import pytest

from sdcpp_restapi.api.scopes import find_needed
from tests.support.output_folders import write_png
from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, SHORT, StartFaulty
from tests.support.server_setup import ServerSetup
from tests.support.websocket_handshake import knock

KEY, OTHER_KEY = "correct-horse-battery", "second-staple-key"
WRONG = "wrong-key-that-someone-typed"

SERVER = ServerSetup(scripted=True, env={"SDCPP_SERVER_API_KEYS": json.dumps([KEY, OTHER_KEY])})


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    """A server with two keys; its client carries the first."""
    server.http.headers["x-api-key"] = KEY
    server.post("/models/load", SCRIPTED)
    return server


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
def test_each_key_is_accepted_in_each_of_the_three_places(server: RunningServer, key: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bearer {key}"},
        {"X-API-Key": key},
    ):
        assert request(server, "/health", headers).status == 200
    assert request(server, f"/health?token={key}").status == 200


def basic(credentials: str) -> dict[str, str]:
    """As a client sends a name and a password."""
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


@pytest.mark.parametrize("credentials", [f"anybody:{KEY}", f":{KEY}", f"anybody:{OTHER_KEY}"])
def test_a_key_is_accepted_as_the_password_of_http_basic(server: RunningServer, credentials: str) -> None:
    for path in ("/health", "/sdapi/v1/samplers", "/controlnet/version"):
        assert request(server, path, basic(credentials)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic(f"anybody:{WRONG}"),
        basic(f"{KEY}:"),
        basic(f"{KEY}:{WRONG}"),
        basic(""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic \xff"},
        {},
        {"X-API-Key": WRONG},
        {"X-API-Key": ""},
        {"X-API-Key": KEY + "x"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": "\xe9"},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"Cookie": f"token={KEY}"},
    ],
)
def test_a_missing_or_wrong_key_is_401_and_says_how_to_send_one(
    server: RunningServer, headers: dict[str, str]
) -> None:
    answer = request(server, "/health", headers)
    assert answer.status == 401
    error = json.loads(answer.body)["error"]
    assert "Authorization: Bearer" in error
    assert "X-API-Key" in error


def test_every_route_asks_for_a_key(server: RunningServer) -> None:
    description = server.get("/openapi.json")
    routes = [(method, path) for path, methods in description["paths"].items() for method in methods]
    routes += [("get", path) for path in ("/output", "/nothing")]
    routes = [one for one in routes if find_needed(one[0].upper(), one[1]) != "public"]
    assert len(routes) > 20
    for method, path in routes:
        assert request(server, path.replace("{", "").replace("}", ""), method=method.upper()).status == 401


def test_the_docs_page_works_without_a_key_and_offers_to_take_one(server: RunningServer) -> None:
    page = request(server, "/docs")
    assert page.status == 200
    assets = re.findall(r'(?:src|href)="(/static-offline-docs/[^"]+)"', page.body.decode())
    assert assets
    assert all(request(server, asset).status == 200 for asset in assets)
    description = json.loads(request(server, "/openapi.json").body)
    assert description["components"]["securitySchemes"]
    assert_no_key(description)


def test_a_request_without_a_key_has_no_effect(server: RunningServer) -> None:
    before = server.get("/queue")["total_count"]
    request(server, "/txt2img", method="POST", body=b'{"prompt": "a cat"}')
    request(server, "/models/unload", method="POST")
    assert server.get("/queue")["total_count"] == before
    assert server.get("/health")["model_loaded"] is True


def test_the_websocket_asks_for_a_key_on_both_ports(server: RunningServer) -> None:
    for port, path in ((server.ws_port, "/"), (server.ws_port, "/ws"), (server.port, "/ws")):
        assert knock(port, path=path) == 403
        assert knock(port, path=f"{path}?token={WRONG}") == 403
        assert knock(port, path=f"{path}?token={KEY}") == 101
        assert knock(port, {"X-API-Key": KEY}, path) == 101
        assert knock(port, {"Authorization": f"Bearer {OTHER_KEY}"}, path) == 101


def test_a_key_is_in_no_event(server: RunningServer) -> None:
    with server.events(f"ws://127.0.0.1:{server.ws_port}?token={KEY}") as events:
        job_id = server.submit(**SHORT)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    assert len(events.heard) > 3
    assert_no_key(events.heard)


def test_a_key_is_in_no_answer(server: RunningServer) -> None:
    for path in ("/health", "/models", "/options", "/queue", "/preview/settings", "/openapi.json", "/output"):
        assert_no_key(server.http.get(path).text)
    for path in (f"/nothing?token={KEY}", f"/queue?limit=x&token={KEY}", f"/output/../{KEY[0]}?token={KEY}"):
        answer = request(server, path)
        assert answer.status in (400, 404)
        assert_no_key(answer.body.decode(), dict(answer.headers))


def test_a_key_is_in_no_redirect_and_no_link(server: RunningServer) -> None:
    for path in ("/", "/ui", "/health/", "/queue/", "/output", "/output/", "/docs", "/ui/"):
        answer = request(server, f"{path}?a=1&token={KEY}")
        assert answer.status in (200, 307)
        assert_no_key(answer.body.decode(), dict(answer.headers))


def test_a_cookie_for_pictures_is_given_to_whoever_has_a_key_and_opens_nothing_else(
    server: RunningServer,
) -> None:
    write_png(server.output_dir / "job" / "a.png")
    given = dict(request(server, f"/output/?token={KEY}").headers)["set-cookie"]
    assert_no_key(given)
    assert {"HttpOnly", "SameSite=Strict"} <= set(given.split("; "))
    cookie = {"Cookie": given.partition(";")[0]}
    for path in ("/output", "/output/job/", "/output/job/a.png", "/thumb/job/a.png"):
        assert request(server, path, cookie).status == 200
        assert request(server, path, cookie, method="HEAD").status == 200
    for path in ("/health", "/queue", "/log", "/outputs", "/output/../queue", "/ws"):
        assert request(server, path, cookie).status in (401, 404, 400)
    assert request(server, "/txt2img", cookie, method="POST", body=b'{"prompt": "a"}').status == 401
    assert request(server, "/output/job/a.png", cookie, method="DELETE").status == 401
    assert knock(server.port, cookie, "/ws") == 403


def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_only(server: RunningServer) -> None:
    for scheme, secure in (("https", True), ("http", False)):
        answer = request(server, f"/output/?token={KEY}", {"X-Forwarded-Proto": scheme})
        assert ("Secure" in dict(answer.headers)["set-cookie"].split("; ")) is secure


@pytest.mark.parametrize("proxies", [[], ["192.0.2.0/24", "2001:db8::7"]])
def test_what_others_than_trusted_proxies_say_of_tls_is_ignored(
    start_faulty: StartFaulty, proxies: list[str]
) -> None:
    server = start_faulty("good", server_api_keys=KEY, server_trusted_proxies=json.dumps(proxies))
    answer = request(server, f"/output/?token={KEY}", {"X-Forwarded-Proto": "https"})
    assert "Secure" not in dict(answer.headers)["set-cookie"].split("; ")


@pytest.mark.parametrize("value", ["", "0" * 64, KEY])
def test_a_cookie_that_was_not_given_opens_nothing(server: RunningServer, value: str) -> None:
    assert request(server, "/output", {"Cookie": f"sdcpp-pictures-{server.port}={value}"}).status == 401


def test_a_key_is_in_no_log_line_not_even_a_wrong_one(server: RunningServer) -> None:
    request(server, f"/health?token={KEY}")
    request(server, f"/health?token={WRONG}")
    request(server, "/health", {"X-API-Key": WRONG})
    knock(server.ws_port, path=f"/?token={KEY}")
    knock(server.ws_port, path=f"/?token={WRONG}")
    written = "\n".join(server.log) + (server.data_dir / "logs" / "server.log").read_text()
    assert "loaded scripted.safetensors" in written
    assert_no_key(written)
    assert WRONG not in written


def test_a_key_is_in_no_stored_file(server: RunningServer) -> None:
    for folder in (server.data_dir, server.output_dir):
        for path in folder.rglob("*"):
            if path.is_file():
                assert KEY.encode() not in path.read_bytes(), path


def assert_no_key(*told: Any) -> None:
    text = json.dumps(told)
    assert KEY not in text
    assert OTHER_KEY not in text
