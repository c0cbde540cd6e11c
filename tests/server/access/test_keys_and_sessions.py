"""Keys of the database, sessions of browsers, and links: made, used, told of, and ended."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from sdcpp_restapi.access.signatures import Signatures
from tests.support.keyed_clients import add_key, client_with, refusal
from tests.support.output_folders import write_png
from tests.support.raw_requests import Answer, request
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.websocket_handshake import knock

ROOT_KEY, HASHED_KEY = "the-key-of-the-settings", "a-key-whose-hash-is-known"
HASH = hashlib.sha256(HASHED_KEY.encode()).hexdigest()
SERVER = ServerSetup(scripted=True, env={"SDCPP_SERVER_API_KEYS": json.dumps([ROOT_KEY, f"sha256:{HASH}"])})


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    """A server with a key and the hash of another one; its client carries the first."""
    server.http.headers["x-api-key"] = ROOT_KEY
    write_png(server.output_dir / "job" / "a b.png")
    write_png(server.output_dir / "job" / "other.png")
    return server


def log_in(server: RunningServer, key: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"key": key}).encode()
    return request(server, "/login", {"Content-Type": "application/json", **(headers or {})}, "POST", body)


def session_of(answer: Answer) -> dict[str, str]:
    """The header with which a browser comes back."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def find_key(server: RunningServer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in server.get("/keys")["keys"] if one["name"] == name)
    return found


# ---------------------------------------------------------------- keys


def test_a_key_whose_hash_is_a_setting_opens_the_server(server: RunningServer) -> None:
    assert request(server, "/log", {"X-API-Key": HASHED_KEY}).status == 200
    assert request(server, "/log", {"X-API-Key": f"sha256:{HASH}"}).status == 401
    assert request(server, "/log", {"X-API-Key": HASH}).status == 401


def test_the_secret_of_a_key_is_told_once_and_stored_nowhere(server: RunningServer) -> None:
    secret = add_key(server, "once", "read")
    assert secret.startswith("sdcpp_")
    told = server.get("/keys")
    listed = find_key(server, "once")
    assert (listed["scope"], listed["user"], listed["source"]) == ("read", None, "database")
    assert secret not in json.dumps(told)
    stored = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if secret.encode() in path.read_bytes()]
    assert secret not in "\n".join(server.log)


def test_the_keys_of_the_settings_are_listed_and_cannot_be_revoked(server: RunningServer) -> None:
    settings = [one for one in server.get("/keys")["keys"] if one["source"] == "settings"]
    assert [one["scope"] for one in settings] == ["manage", "manage"]
    assert refusal(server.http.delete(f"/keys/{settings[0]['id']}")) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "name"),
        ({"name": ""}, 400, "name"),
        ({"name": "a b"}, 400, "name"),
        ({"name": "../x"}, 400, "name"),
        ({"name": "x" * 65}, 400, "name"),
        ({"name": "x", "scope": "admin"}, 400, "scope"),
        ({"name": "x", "user": "nobody-of-this-name"}, 404, "user"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_field(
    server: RunningServer, body: dict[str, Any], status: int, field: str
) -> None:
    answer = server.http.post("/keys", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_a_name_is_taken_once_and_an_unknown_field_is_told(server: RunningServer) -> None:
    made = server.post("/keys", {"name": "twice", "colour": "red"}, expect=201)
    assert made["warnings"] == ["unknown field 'colour' was ignored"]
    assert refusal(server.http.post("/keys", json={"name": "twice"})) == (409, "name_in_use")


@pytest.mark.proves("keys.name", "keys.scope")
def test_a_key_that_was_used_says_so(server: RunningServer) -> None:
    secret = add_key(server, "used")
    assert find_key(server, "used")["last_used_at"] is None
    with client_with(server, secret) as client:
        own = client.get("/keys/self").json()
    assert own == {"by": "key", "scope": "generate", "key": "used", "user": None, "sees": "own"}
    assert find_key(server, "used")["last_used_at"] is not None


def test_a_revoked_key_opens_nothing_and_what_it_had_open_ends(server: RunningServer) -> None:
    secret = add_key(server, "leaving")
    header = {"X-API-Key": secret}
    cookie = session_of(log_in(server, secret))
    ours = {**cookie, "Origin": server.url}
    with (
        connect(f"ws://127.0.0.1:{server.ws_port}/?token={secret}") as by_key,
        connect(f"ws://127.0.0.1:{server.port}/ws", additional_headers=ours) as by_session,
        connect(f"ws://127.0.0.1:{server.port}/comfyui/ws", additional_headers=header) as comfyui,
        stream(server, header) as events,
    ):
        server.http.delete("/keys/leaving").raise_for_status()
        for open_socket in (by_key, by_session, comfyui):
            assert close_code(open_socket) == 1008
        for _ in events:
            pass  # it has an end
    for one in (header, cookie):
        assert request(server, "/health", one).status == 401
        assert knock(server.port, one, "/ws") == 403
    assert "leaving" not in json.dumps(server.get("/keys"))
    assert "leaving" not in json.dumps(server.get("/keys/sessions"))
    assert server.http.delete("/keys/leaving").status_code == 404


@contextmanager
def stream(server: RunningServer, headers: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
    with (
        httpx.Client(base_url=server.url, timeout=60) as client,
        client.stream("GET", "/events", headers=dict(headers)) as answer,
    ):
        assert answer.status_code == 200
        yield answer.iter_bytes()


def close_code(connection: ClientConnection) -> int | None:
    """The code with which the server ends it, whatever it says before."""
    try:
        while True:
            connection.recv(timeout=30)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


# ---------------------------------------------------------------- sessions


@pytest.mark.proves("login.key")
def test_a_browser_that_logs_in_may_do_what_its_key_may(server: RunningServer) -> None:
    secret = add_key(server, "browser")
    answer = log_in(server, secret)
    assert answer.status == 200
    assert secret not in answer.body.decode()
    cookie = SimpleCookie(answer.headers["set-cookie"])[f"sdcpp-session-{server.port}"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert (cookie["secure"], cookie["max-age"]) == ("", str(30 * 86400))
    header = session_of(answer)
    own = json.loads(request(server, "/keys/self", header).body)
    assert (own["by"], own["key"], own["scope"]) == ("session", "browser", "generate")
    for path in ("/health", "/queue", "/output/", "/output/job/a%20b.png"):
        assert request(server, path, header).status == 200
    assert request(server, "/log", header).status == 403


def test_over_tls_the_session_is_for_tls_only(server: RunningServer) -> None:
    answer = log_in(server, HASHED_KEY, {"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_a_wrong_key_begins_no_session(server: RunningServer) -> None:
    for key in ("wrong", ROOT_KEY + "x", "\u00e9"):
        answer = log_in(server, key)
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
        assert json.loads(answer.body)["code"] == "wrong_key"
    assert refusal(server.http.post("/login", json={})) == (400, "invalid_request")
    too_long = server.http.post("/login", json={"key": "secret" * 200})
    assert refusal(too_long) == (400, "invalid_request")
    assert "secretsecret" not in too_long.text


def test_a_session_changes_things_for_pages_of_this_server_only(server: RunningServer) -> None:
    def unload(headers: Mapping[str, str]) -> Answer:
        return request(server, "/models/unload", headers, "POST")

    header = session_of(log_in(server, HASHED_KEY))
    assert unload({**header, "Origin": server.url}).status == 200
    for origin in ("http://localhost:3000", f"http://localhost:{server.port + 9}", None):
        sent = {**header, **({"Origin": origin} if origin else {})}
        answer = unload(sent)
        assert (answer.status, json.loads(answer.body)["code"]) == (403, "origin_refused")
        assert knock(server.port, sent, "/ws") == 403
    # Whoever has a key, and no cookie, needs no Origin.
    assert unload({"X-API-Key": HASHED_KEY}).status == 200
    assert knock(server.port, {**header, "Origin": server.url}, "/ws") == 101
    assert knock(server.ws_port, {**header, "Origin": server.url}, "/") == 101


def test_whoever_logs_out_is_out(server: RunningServer) -> None:
    header = session_of(log_in(server, HASHED_KEY))
    ours = {**header, "Origin": server.url}
    with connect(f"ws://127.0.0.1:{server.port}/ws", additional_headers=ours) as events:
        answer = request(server, "/logout", ours, "POST")
        assert answer.status == 200
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert close_code(events) == 1008
    assert request(server, "/health", header).status == 401
    assert request(server, "/logout", {}, "POST").status == 200


def test_sessions_are_listed_and_ended_one_by_one(server: RunningServer) -> None:
    add = add_key(server, "many", "read")
    kept, ended = session_of(log_in(server, add)), log_in(server, add)
    session_id = json.loads(ended.body)["id"]
    listed = [one["id"] for one in server.get("/keys/sessions")["sessions"] if one["key"] == "many"]
    assert len(listed) == 2
    server.http.delete(f"/keys/sessions/{session_id}").raise_for_status()
    assert request(server, "/health", session_of(ended)).status == 401
    assert request(server, "/health", kept).status == 200
    assert server.http.delete(f"/keys/sessions/{session_id}").status_code == 404


def test_a_person_is_led_to_the_login_page_and_a_program_is_not(server: RunningServer) -> None:
    opened = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path, location in (
        ("/queue", "./login?next=queue"),
        ("/output/job/a%20b.png?token=wrong", "../../login?next=output/job/a%20b.png"),
        ("//elsewhere.example/x", "../../login?next=/elsewhere.example/x"),
    ):
        answer = request(server, path, opened)
        assert (answer.status, answer.headers["location"]) == (303, location)
        assert request(server, path).status == 401
        assert request(server, path, {**opened, "X-API-Key": "wrong"}, "POST").status == 401
    assert request(server, "/queue", {**opened, "Sec-Fetch-Dest": "iframe"}).status == 401


def test_the_login_page_needs_nothing_from_elsewhere(server: RunningServer) -> None:
    page = request(server, "/login")
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert b"http://" not in page.body
    assert b"https://" not in page.body


# ---------------------------------------------------------------- links


def make_link(server: RunningServer, path: str, **more: Any) -> httpx.URL:
    made = server.post("/output/links", {"path": path, **more}, expect=201)
    assert (made["path"], ROOT_KEY in made["url"]) == (path, False)
    return httpx.URL(made["url"])


@pytest.mark.proves("output_links.path")
def test_a_link_opens_its_file_to_whoever_has_it_and_nothing_else(server: RunningServer) -> None:
    url = make_link(server, "job/a b.png")
    whole = httpx.get(url)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/png")
    assert "set-cookie" not in whole.headers
    assert httpx.head(url).status_code == 200
    part = httpx.get(url, headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, whole.content[:8])
    query = url.query.decode()
    for path in ("/output/job/other.png", "/output/job/", "/output/", "/output/job/a%20b.png/x"):
        assert refusal(httpx.get(f"{server.url}{path}?{query}")) == (403, "link_invalid")
    for path in ("/thumb/job/a%20b.png", "/queue", "/keys/self"):
        assert httpx.get(f"{server.url}{path}?{query}").status_code == 401
    assert httpx.delete(url).status_code == 401


@pytest.mark.parametrize(
    "change", ["expires=1", "expires=99999999999", "expires=x", "signature=AAAA", "signature="]
)
def test_a_link_that_was_changed_opens_nothing(server: RunningServer, change: str) -> None:
    url = make_link(server, "job/a b.png")
    name, _, value = change.partition("=")
    assert refusal(httpx.get(url.copy_set_param(name, value))) == (403, "link_invalid")


@pytest.mark.proves("output_links.seconds")
def test_a_link_ends_when_it_says(server: RunningServer) -> None:
    made = server.post("/output/links", {"path": "job/a b.png", "seconds": 1}, expect=201)
    expires = int(httpx.URL(made["url"]).params["expires"])
    while time.time() <= expires + 1:
        answer = httpx.get(made["url"])
        if answer.status_code != 200:
            break
    assert refusal(httpx.get(made["url"])) == (403, "link_expired")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"path": "job"}, 400),
        ({"path": "job/missing.png"}, 404),
        ({"path": "../data/sdcpp.db"}, 400),
        ({"path": "job/a b.png", "seconds": 0}, 400),
        ({"path": "job/a b.png", "seconds": 8 * 86400}, 400),
        ({"path": ""}, 400),
        ({}, 400),
    ],
)
def test_a_link_to_what_is_no_file_is_refused(
    server: RunningServer, body: dict[str, Any], status: int
) -> None:
    answer = server.http.post("/output/links", json=body)
    assert answer.status_code == status, answer.text


def test_a_signature_is_for_one_server() -> None:
    path, expires = "a.png", 2_000_000_000
    made = httpx.URL(f"http://x/{Signatures(b'one').link(path, expires)}").params
    assert Signatures(b"one").is_link(path, made["expires"], made["signature"])
    assert not Signatures(b"two").is_link(path, made["expires"], made["signature"])
    assert not Signatures().is_link(path, made["expires"], made["signature"])


# ---------------------------------------------------------------- and after a restart


def test_keys_sessions_and_links_outlive_a_restart(server: RunningServer) -> None:
    secret = add_key(server, "lasting", "read")
    cookie, url = session_of(log_in(server, secret)), make_link(server, "job/a b.png")
    used = find_key(server, "lasting")["last_used_at"]
    old_port = server.port
    server.restart()
    server.http.headers["x-api-key"] = ROOT_KEY
    assert request(server, "/health", {"X-API-Key": secret}).status == 200
    assert find_key(server, "lasting")["last_used_at"] >= used
    # The port is in the cookie's name, and is another one now.
    renamed = {"Cookie": cookie["Cookie"].replace(str(old_port), str(server.port))}
    assert request(server, "/health", renamed).status == 200
    assert httpx.get(url.copy_with(port=server.port)).status_code == 200
