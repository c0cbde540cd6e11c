"""Where the server listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from sdcpp_restapi.config import Settings
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import serving

WARNING = "may use this server: set server.api_keys"


def listening(server: RunningServer) -> dict[int, str]:
    """Port -> address of every listening socket of the server."""
    connections = psutil.Process(server.process.pid).net_connections("inet")
    return {c.laddr.port: c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}


@contextmanager
def bound_to(host: str, root: Path, **settings: str) -> Iterator[RunningServer]:
    with serving(root, "--host", host, loaded=False, **settings) as server:
        yield server


def test_unless_told_otherwise_only_this_machine_can_connect(tmp_path: Path) -> None:
    assert Settings().server.host == "127.0.0.1"
    with serving(tmp_path, loaded=False) as server:
        assert listening(server) == {server.port: "127.0.0.1", server.ws_port: "127.0.0.1"}
        assert not [line for line in server.log if WARNING in line]


def test_an_open_address_without_a_key_is_warned_about(tmp_path: Path) -> None:
    with bound_to("0.0.0.0", tmp_path) as server:
        assert set(listening(server).values()) == {"0.0.0.0"}
        server.wait_for_log(WARNING)


def test_an_open_address_with_a_key_needs_no_warning(tmp_path: Path) -> None:
    with bound_to("0.0.0.0", tmp_path, server_api_keys='["a-key-of-some-length"]') as server:
        assert server.http.get("/health").status_code == 401
        assert not [line for line in server.log if WARNING in line]
