"""Every address with keys of every scope, as the table says; the page on keys explains it."""

import http.client
import json
import re
from collections.abc import Mapping
from contextlib import closing

import pytest

from sdcpp_restapi.api.scopes import find_needed
from tests.support.addresses import Address, list_addresses
from tests.support.keyed_clients import add_key
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.websocket_handshake import knock

ROOT_KEY = "the-key-of-the-settings"
NOWHERE = "http://127.0.0.1:9"
SERVER = ServerSetup(
    scripted=True,
    env={
        "SDCPP_SERVER_API_KEYS": ROOT_KEY,
        "SDCPP_DOWNLOADS_CIVITAI_URL": NOWHERE,
        "SDCPP_DOWNLOADS_HUGGINGFACE_URL": NOWHERE,
        "SDCPP_DOWNLOADS_RETRIES": "0",
    },
)
# What a key has -> what it may do.
MAY = {
    "read": {"read"},
    "generate": {"read", "generate"},
    "user": {"read", "generate", "own"},
    "manage": {"read", "generate", "own", "manage"},
}


@pytest.fixture(scope="module")
def keys(server: RunningServer) -> Mapping[str, str]:
    """A key of each scope, and one of a user."""
    server.http.headers["x-api-key"] = ROOT_KEY
    server.post("/users", {"name": "anna"}, expect=201)
    made = {scope: add_key(server, scope, scope) for scope in ("read", "generate", "manage")}
    return {**made, "user": add_key(server, "user", "generate", "anna")}


def ask(server: RunningServer, address: Address, key: str | None) -> tuple[int, str | None]:
    """The status and the code of the answer; of an answer without end only its head is read."""
    path = re.sub(r"\{[^}]*\}", "nothing", address.path)
    headers = {"X-API-Key": key} if key else {}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request(address.method, path, headers=headers)
        answer = connection.getresponse()
        if answer.status not in (401, 403) or address.method == "HEAD":
            return answer.status, None
        body = json.loads(answer.read())
        # Each interface has a shape of its own for it.
        return answer.status, "scope_missing" if "scope_missing" in json.dumps(body) else None


@pytest.mark.parametrize("address", list_addresses(), ids=lambda one: f"{one.method} {one.path}")
def test_an_address_refuses_just_the_keys_whose_scope_is_missing(
    server: RunningServer, keys: Mapping[str, str], address: Address
) -> None:
    needed = find_needed(*address)
    is_public = needed == "public"
    assert (ask(server, address, None)[0] == 401) is not is_public
    for name, key in keys.items():
        status, code = ask(server, address, key)
        if is_public or needed in MAY[name]:
            assert status not in (401, 403), name
        else:
            assert (status, code if address.method != "HEAD" else "scope_missing") == (
                403,
                "scope_missing",
            ), name


def test_a_refusal_names_both_scopes(server: RunningServer, keys: Mapping[str, str]) -> None:
    answer = server.http.post("/models/load", json={}, headers={"X-API-Key": keys["read"]})
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error == "POST /models/load needs a key with the scope manage; read has the scope read"


def test_websockets_let_every_scope_in_and_nobody_without_a_key(
    server: RunningServer, keys: Mapping[str, str]
) -> None:
    for port, path in ((server.ws_port, "/"), (server.port, "/ws"), (server.port, "/comfyui/ws")):
        assert knock(port, path=path) == 403
        assert [knock(port, {"X-API-Key": key}, path) for key in keys.values()] == [101] * len(keys)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/generate", {"model": "scripted"}),
        ("/api/generate", {"model": "scripted", "prompt": "a cat", "keep_alive": 0}),
        (
            "/sdapi/v1/txt2img",
            {
                "prompt": "a cat",
                "override_settings": {"sd_model_checkpoint": "scripted"},
                "override_settings_restore_afterwards": False,
            },
        ),
    ],
)
def test_a_request_to_draw_that_would_change_the_model_of_all_needs_manage(
    server: RunningServer, keys: Mapping[str, str], path: str, body: Mapping[str, object]
) -> None:
    before = server.get("/queue")["total_count"]
    answer = server.http.post(path, json=body, headers={"X-API-Key": keys["generate"]})
    assert answer.status_code == 403
    assert "needs a key with the scope manage" in answer.text
    assert server.get("/queue")["total_count"] == before
