"""The clients without a server of ours: addresses, keys, broken lines, answers of others."""

import inspect
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from sdcpp_restapi.client import (
    AsyncClient,
    Client,
    ClientError,
    ServerRefused,
    ServerUnreachable,
    UnknownServer,
    calls,
)
from tests.support.http_upstream import Request, Upstream, upstreams

JOB = {
    "job_id": "a",
    "type": "txt2img",
    "status": "processing",
    "progress": {},
    "created_at": "2024-01-31T12:00:00Z",
    "timings": {"created_at": "2024-01-31T12:00:00Z"},
    "outputs": [],
    "params": {},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstreams(1) as (one,):
        yield one


@pytest.fixture
def no_server() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SDCPP_URL", raising=False)
    monkeypatch.delenv("SDCPP_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("url", "used"),
    [
        (None, "http://127.0.0.1:8080"),
        ("somewhere:9000/", "http://somewhere:9000"),
        ("https://somewhere/below/", "https://somewhere/below"),
    ],
)
def test_an_address_is_completed(url: str | None, used: str) -> None:
    assert Client(url).url == used
    assert Client(url).output_url("a/image 0.png") == f"{used}/output/a/image%200.png"
    assert AsyncClient(url).url == used


def test_address_and_key_come_from_the_environment(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDCPP_URL", upstream.url)
    monkeypatch.setenv("SDCPP_API_KEY", "secret-of-the-environment")
    for client in (Client(), Client(api_key="given")):
        with client, pytest.raises(ServerRefused):
            client.health()
    assert [one.headers["x-api-key"] for one in upstream.asked("/health")] == [
        "secret-of-the-environment",
        "given",
    ]
    assert Client("http://here").url == "http://here"


@pytest.mark.parametrize(
    ("url", "api_key", "said"),
    [("http://[bad", None, "no address"), ("http://here", "ключ", "visible ASCII"), ("", "a b", "visible")],
)
def test_what_cannot_be_an_address_or_a_key_is_told_at_once(url: str, api_key: str | None, said: str) -> None:
    with pytest.raises(ClientError, match=said):
        Client(url, api_key)
    with pytest.raises(ClientError, match=said):
        AsyncClient(url, api_key)


@pytest.mark.parametrize("url", ["", "ftp://somewhere", "http://no such host"])
async def test_where_no_server_answers_both_say_so(no_server: str, url: str) -> None:
    with Client(url or no_server) as client, pytest.raises(ServerUnreachable, match="No server answers at"):
        client.health()
    async with AsyncClient(url or no_server) as other:
        with pytest.raises(ServerUnreachable, match="No server answers at"):
            await other.health()


async def test_an_answer_of_another_program_is_told_as_such(upstream: Upstream) -> None:
    upstream.page("/health", b"<html>Welcome</html>")
    with Client(upstream.url) as client:
        with pytest.raises(UnknownServer, match="not an SDCPP-RESTAPI server"):
            client.health()
        upstream.status("/health", 502)
        with pytest.raises(ServerRefused, match="answered 502") as refused:
            client.health()
    assert (refused.value.status, refused.value.code) == (502, None)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b'{"message": "x"}', b'{"error": null, "code": 7}'])
def test_an_error_in_another_shape_is_one_all_the_same(upstream: Upstream, body: bytes) -> None:
    upstream.routes["/health"] = lambda request: request.reply(500, body)
    with Client(upstream.url) as client, pytest.raises(ServerRefused) as refused:
        client.health()
    assert refused.value.status == 500


async def test_where_no_events_can_be_had_a_job_is_asked_for(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("blocking", "asynchronous"):
        monkeypatch.setattr(f"sdcpp_restapi.client.{module}.POLL_SECONDS", 0.01)
    asked = count()

    def answer(request: Request) -> None:
        status = "completed" if next(asked) % 3 == 2 else "processing"
        request.reply(200, json.dumps(JOB | {"status": status}).encode())

    upstream.routes["/queue/a"] = answer
    with Client(upstream.url) as client:
        assert client.wait("a").status == "completed"
        with client.events() as events, pytest.raises(ServerUnreachable, match="sends no events"):
            list(events)
    async with AsyncClient(upstream.url) as other:
        assert (await other.wait("a")).status == "completed"
        async with other.events() as silent:
            with pytest.raises(ServerUnreachable, match="sends no events"):
                await anext(aiter(silent))
    assert len(upstream.asked("/queue/a")) == 6


def test_both_clients_have_the_same_methods_and_parameters() -> None:
    both = [
        {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }
        for kind in (Client, AsyncClient)
    ]
    assert both[0] == both[1]
    described = {
        name for name, function in vars(calls).items()
        if inspect.isfunction(function) and function.__module__ == calls.__name__ and name[0] != "_"
    }  # fmt: skip
    assert described <= set(both[0])
    assert all(inspect.getdoc(getattr(Client, name)) for name in both[0])


def test_importing_it_imports_no_server() -> None:
    heavy = ("fastapi", "starlette", "httpx", "websockets", "typer", "numpy", "PIL", "sqlite3")
    code = f"import sys, sdcpp_restapi.client; print(*[name for name in {heavy!r} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
