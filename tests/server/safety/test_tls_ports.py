"""TLS on both ports: certificates that change, plain HTTP that is led to HTTPS, and our own clients."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sdcpp_restapi.client import Client, ClientError
from tests.support.certificates import Authority
from tests.support.command import sdcpp
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import environment

NAME = "art.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningServer]:
    """With TLS, a port that redirects, and HSTS."""
    cert, key = authority.issue("site", "localhost", "127.0.0.1", NAME)
    root = tmp_path_factory.mktemp("tls")
    settings = {
        "server_tls_cert": str(cert),
        "server_tls_key": str(key),
        "server_redirect_port": "0",
        "server_hsts_seconds": "3600",
        "server_allowed_hosts": NAME,
    }
    with RunningServer(root, env=environment(root, **settings)) as running:
        running.http = httpx.Client(base_url=running.url, verify=authority.trust(), timeout=60)
        yield running


def serial_of(server: RunningServer, authority: Authority) -> str:
    """The number of the certificate that a new connection gets."""
    with (
        socket.create_connection(("127.0.0.1", server.port)) as raw,
        authority.trust().wrap_socket(raw, server_hostname="localhost") as secure,
    ):
        certificate = secure.getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


def test_both_ports_speak_tls(server: RunningServer, authority: Authority) -> None:
    assert server.get("/health")["status"] == "ok"
    address = f"wss://localhost:{server.ws_port}/"
    with connect(address, ssl=authority.trust(), proxy=None) as events:
        assert "server_status" in str(events.recv(timeout=30))


def test_hsts_is_sent_where_the_setting_says_so(server: RunningServer) -> None:
    assert server.http.get("/health").headers["strict-transport-security"] == "max-age=3600"


def test_plain_http_is_led_to_the_same_address_by_https(server: RunningServer) -> None:
    port = redirect_port(server)
    plain = httpx.post(f"http://127.0.0.1:{port}/queue/a%20b?limit=1", headers={"Host": f"{NAME}:{port}"})
    assert plain.status_code == 308
    assert plain.headers["location"] == f"https://{NAME}:{server.port}/queue/a%20b?limit=1"


def test_nobody_is_led_to_another_name(server: RunningServer) -> None:
    answer = httpx.get(f"http://127.0.0.1:{redirect_port(server)}/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_websocket_at_the_plain_port_is_refused(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{redirect_port(server)}/ws", proxy=None)
    assert not server.tracebacks()


def redirect_port(server: RunningServer) -> int:
    return int(server.wait_for_log(r"plain HTTP on port (\d+) is led to HTTPS")[1])


def test_a_new_certificate_is_used_by_new_connections_and_a_broken_one_is_not(
    server: RunningServer, authority: Authority
) -> None:
    server.get("/health")  # a connection that stays open over all of this
    first = serial_of(server, authority)
    authority.issue("site", "localhost", "127.0.0.1", NAME)
    second = serial_of(server, authority)
    assert second != first
    cert = authority.folder / "site.pem"
    whole = cert.read_bytes()
    cert.write_bytes(whole[:200])
    assert serial_of(server, authority) == second
    server.wait_for_log("the certificate that was read before stays in use")
    cert.write_bytes(whole)
    assert serial_of(server, authority) == second
    assert server.get("/health")["status"] == "ok"


def test_our_client_and_command_trust_what_they_are_told_to(
    server: RunningServer, authority: Authority, tmp_path: Path
) -> None:
    url = f"https://localhost:{server.port}"
    with Client(url, ca=str(authority.ca)) as client:
        assert client.health().status == "ok"
        with client.events() as events:
            first = events.next(30)
    assert first is not None
    assert first.event == "server_status"
    with pytest.raises(ClientError, match=re.escape(url)), Client(url) as stranger:
        stranger.health()
    told = sdcpp("--ca", str(authority.ca), "queue", "list", "--server", url, folder=tmp_path)
    assert told.returncode == 0, told.stderr


def test_a_client_without_tls_gets_no_answer_and_leaves_no_traceback(server: RunningServer) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{server.port}/health")
    assert not server.tracebacks()
