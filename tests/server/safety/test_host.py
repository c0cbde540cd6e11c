"""The rule on Host: a foreign name that resolves to this machine is not this server's name."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving
from tests.support.websocket_handshake import knock

FOREIGN = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "2130706433",
    "0x7f.1",
    "studio.local",
    "evil.example#localhost",
    "evil.example/localhost",
    "[::1",
    "localhost:port",
    "",
]
OURS = [
    "localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "127.0.0.1:9", "192.168.7.7:8080", "[::1]:80",
    "[2001:db8::1]",
]  # fmt: skip


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that also goes by a name of the local network."""
    root: Path = tmp_path_factory.mktemp("named")
    with serving(root, server_allowed_hosts='["Studio.Local"]') as server:
        yield server


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_refused_with_the_setting_that_would_allow_it(
    scripted: RunningServer, host: str
) -> None:
    answer = request(scripted, "/health", {"Host": host})
    assert answer.status == 400
    error = json.loads(answer.body)["error"]
    assert error.startswith("Host ")
    assert "server.allowed_hosts" in error
    assert "SDCPP_SERVER_ALLOWED_HOSTS" in error


@pytest.mark.parametrize("host", OURS)
def test_loopback_names_and_addresses_are_answered(scripted: RunningServer, host: str) -> None:
    assert request(scripted, "/health", {"Host": host}).status == 200


def test_a_refused_host_has_no_effect(scripted: RunningServer) -> None:
    body = b'{"prompt": "a cat"}'
    assert request(scripted, "/txt2img", {"Host": "evil.example"}, "POST", body).status == 400
    assert request(scripted, "/models/unload", {"Host": "evil.example"}, "POST").status == 400
    assert scripted.get("/queue")["total_count"] == 0
    assert scripted.get("/health")["model_loaded"] is True


@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/output/x", "/nothing", "/static-offline-docs/x"]
)
def test_the_rule_holds_for_every_path(scripted: RunningServer, path: str) -> None:
    assert request(scripted, path, {"Host": "evil.example"}).status == 400


@pytest.mark.parametrize("host", ["studio.local", "STUDIO.local:8080"])
def test_an_allowed_host_is_answered(named: RunningServer, host: str) -> None:
    assert request(named, "/health", {"Host": host}).status == 200
    assert knock(named.ws_port, {"Host": host}) == 101
    assert request(named, "/health", {"Host": "other.local"}).status == 400


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", ""])
def test_the_websocket_refuses_foreign_hosts_on_both_ports(scripted: RunningServer, host: str) -> None:
    assert knock(scripted.ws_port, {"Host": host}) == 403
    assert knock(scripted.port, {"Host": host}, "/ws") == 403


@pytest.mark.parametrize("host", OURS)
def test_the_websocket_answers_loopback_names_and_addresses(scripted: RunningServer, host: str) -> None:
    assert knock(scripted.ws_port, {"Host": host}) == 101
    assert knock(scripted.port, {"Host": host}, "/ws") == 101
