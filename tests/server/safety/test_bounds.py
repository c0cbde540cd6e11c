"""Bounds of the doors: heads, slow clients, open connections, open files, a log that nobody reads."""

import asyncio
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from sdcpp_restapi.api import http_protocol
from sdcpp_restapi.open_files import AcceptErrors
from tests.support.raw_requests import request
from tests.support.running_server import RunningServer, StartServer
from tests.support.scripted_engine import environment, serving


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that takes few connections."""
    with serving(tmp_path_factory.mktemp("small"), loaded=False, server_max_connections="20") as server:
        yield server


def send(server: RunningServer, raw: bytes) -> tuple[int, dict[str, str]]:
    """Status and body of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(raw)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_head_of_ordinary_size_passes(small: RunningServer) -> None:
    many = {f"X-{number}": "x" * 500 for number in range(90)}
    assert request(small, "/health", many).status == 200
    assert request(small, "/health", {"Cookie": "x" * 60_000}).status == 200
    assert request(small, "/health?x=" + "x" * 50_000).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * 500_000,
        b"GET /health HTTP/1.1\r\n" + b"".join(b"A%d: %s\r\n" % (n, b"x" * 1000) for n in range(90)),
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_head_that_is_too_large_is_431(small: RunningServer, raw: bytes) -> None:
    status, body = send(small, raw)
    assert (status, body["code"]) == (431, "request_header_fields_too_large")
    assert small.get("/health")


def test_what_is_not_http_is_told_in_json(small: RunningServer) -> None:
    status, body = send(small, b"\x16\x03\x01 hello\r\n\r\n")
    assert (status, body["code"]) == (400, "invalid_request")


def test_connections_beyond_the_bound_are_told_so_and_the_server_goes_on(small: RunningServer) -> None:
    small.http.close()
    small.http = httpx.Client(base_url=small.url)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", small.port)))
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", small.port), timeout=30) as one_more:
            answer = b""
            while piece := one_more.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"server.max_connections" in answer
    time.sleep(1.5)
    assert small.get("/health")


@pytest.mark.heavy  # it waits for as long as such a client may take
def test_a_client_that_does_not_finish_its_head_is_let_go(start_server: StartServer) -> None:
    assert http_protocol.HEAD_TIMEOUT == 20
    server = start_server()
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=40) as slow,
        socket.create_connection(("127.0.0.1", server.port), timeout=40) as silent,
    ):
        slow.sendall(b"GET /health HTTP/1.1\r\nHost:")
        assert silent.recv(100) == b""
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_the_limit_of_open_files_is_raised(start_server: StartServer) -> None:
    server = start_server()
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65536)


def test_without_open_files_new_connections_end_and_then_all_is_well(start_server: StartServer) -> None:
    # Without an engine, whose start opens and closes files of its own.
    server = start_server(env={"SDCPP_ENGINE_DEVICES": "[]"})
    used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 5, hard))
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            for _ in range(50)
        ]
        # uvloop closes what it cannot accept, in one way or another: its client is not left waiting.
        ready, _, _ = select.select(connections, [], [], 60)
        with suppress(ConnectionResetError):
            assert ready[0].recv(1) == b""
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert server.get("/health")


async def test_where_asyncio_accepts_a_line_a_second_says_that_it_cannot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, handler = asyncio.get_running_loop(), AcceptErrors()
    error = OSError(errno.EMFILE, "Too many open files")
    for _ in range(100):
        handler(loop, {"message": "socket.accept() out of system resource", "exception": error})
    assert len([line for line in caplog.messages if "could not be accepted" in line]) == 1


def test_a_log_that_nobody_reads_does_not_stop_the_server(tmp_path: Path) -> None:
    source, sink = os.pipe()
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 4096)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = ["--models-dir", "models", "--output-dir", "output", "--data-dir", "data"]
    arguments = ["serve", "--port", str(port), "--ws-port", "0", "--log-level", "debug", *folders]
    process = subprocess.Popen(
        [sys.executable, "-m", "sdcpp_restapi", *arguments],
        cwd=tmp_path,
        env={**os.environ, **environment(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=sink,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            for _ in range(200):
                try:
                    client.get("/health")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            written = tmp_path / "data" / "logs" / "server.log"
            for _ in range(500):
                client.post("/models/load", json={"model_name": "refused.safetensors"})
                if written.stat().st_size > 50_000:
                    break
            else:
                raise AssertionError("it logs too little to tell")
            assert client.get("/health").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        os.close(source)
        os.close(sink)


def test_a_hangup_ends_it_in_order(start_server: StartServer) -> None:
    server = start_server()
    assert server.stop(signal.SIGHUP) == 0
    assert not server.tracebacks()
