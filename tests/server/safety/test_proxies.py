"""Behind a proxy: the example configurations with a real nginx and Caddy, and what is believed of headers."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.support import proxies
from tests.support.certificates import Authority
from tests.support.proxies import NAME
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, SHORT, serving

PREFIX = "/art"
KEY = "correct-horse-battery"
STARTS = [
    pytest.param("nginx", marks=pytest.mark.skipif(not proxies.NGINX, reason="nginx is not installed")),
    pytest.param("caddy", marks=pytest.mark.skipif(not proxies.CADDY, reason="Caddy is not installed")),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Reachable by others, so that no rule on pages of this machine opens the door."""
    root = tmp_path_factory.mktemp("server")
    with serving(root, "--host", "0.0.0.0", server_allowed_hosts=NAME) as running:
        yield running


@pytest.fixture(scope="module")
def picture(server: RunningServer) -> str:
    """An output."""
    output: str = server.make(**SHORT)["outputs"][0]
    return output


class Site:
    """The server as a browser sees it behind the proxy."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        self.port = port
        self.trusted = trusted
        self.origin = f"https://{NAME}:{port}"
        self.http = httpx.Client(verify=trusted, trust_env=False, timeout=30)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Host": f"{NAME}:{self.port}", **more.pop("headers", {})}
        address, names = f"https://127.0.0.1:{self.port}{path}", {"sni_hostname": NAME}
        return self.http.request(method, address, headers=headers, extensions=names, **more)

    def events(self, path: str) -> Any:
        raw = socket.create_connection(("127.0.0.1", self.port))
        headers = {"Origin": self.origin}
        return connect(
            f"wss://{NAME}:{self.port}{path}",
            sock=raw,
            ssl=self.trusted,
            server_hostname=NAME,
            additional_headers=headers,
            proxy=None,
        )


@pytest.fixture(scope="module", params=STARTS)
def site(
    request: pytest.FixtureRequest, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    start = getattr(proxies, request.param)
    with start(tmp_path_factory.mktemp(request.param), authority, server.port) as port:
        site = Site(port, authority.trust())
        with site.http:
            yield site


def test_redirects_stay_below_the_prefix(site: Site) -> None:
    for path, target in (("", "/art/"), ("/", "/art/ui/"), ("/ui", "/art/ui/"), ("/v1", "/art/v1/")):
        answer = site.send("GET", PREFIX + path)
        assert answer.status_code in (301, 307, 308), path
        assert answer.url.join(answer.headers["location"]).path == target
        assert "http://" not in answer.headers["location"]


def test_the_description_and_the_docs_are_below_the_prefix(site: Site) -> None:
    described = site.send("GET", f"{PREFIX}/openapi.json").json()
    assert described["servers"] == [{"url": PREFIX}]
    page = site.send("GET", f"{PREFIX}/docs").text
    assert f"{PREFIX}/openapi.json" in page
    assert f'"{PREFIX}/static-offline-docs/' in page
    assert '"/static-offline-docs/' not in page


def test_whole_addresses_have_scheme_name_and_prefix(site: Site) -> None:
    asked = {"prompt": "a cat", "size": "64x64", "response_format": "url"}
    answer = site.send("POST", f"{PREFIX}/v1/images/generations", json=asked)
    assert answer.status_code == 200, answer.text
    url = answer.json()["data"][0]["url"]
    assert url.startswith(f"{site.origin}{PREFIX}/output/")
    assert site.send("GET", url.removeprefix(site.origin)).status_code == 200


def test_pages_of_outputs_lead_to_what_is_there(site: Site, picture: str) -> None:
    page = site.send("GET", f"{PREFIX}/output/{picture.partition('/')[0]}")
    assert page.status_code == 200
    assert 'href="/' not in page.text
    assert 'src="/' not in page.text
    assert site.send("GET", f"{PREFIX}/thumb/{picture}").status_code == 200


def test_a_page_may_post_and_hear_events_by_websocket(site: Site) -> None:
    def post(origin: str) -> int:
        body: dict[str, object] = {"job_ids": []}
        headers = {"Origin": origin}
        return site.send("POST", f"{PREFIX}/queue/restore", json=body, headers=headers).status_code

    assert post(site.origin) not in (403, 404, 502)
    assert post("https://evil.example") == 403
    with site.events(f"{PREFIX}/ws") as events:
        assert json.loads(events.recv(timeout=30))["event"] == "server_status"


def test_server_sent_events_come_at_once(site: Site, server: RunningServer) -> None:
    address, headers = f"https://127.0.0.1:{site.port}{PREFIX}/events", {"Host": f"{NAME}:{site.port}"}
    names = {"sni_hostname": NAME}
    with site.http.stream("GET", address, headers=headers, extensions=names) as answer:
        pieces = answer.iter_text()
        assert "retry" in next(pieces)
        job_id = server.submit(**SHORT)
        heard = ""
        while job_id not in heard:
            heard += next(pieces)


def test_the_tools_of_mcp_answer_at_the_bare_address(site: Site) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = site.send("POST", f"{PREFIX}/mcp", json=asked, headers=accept)
    assert answer.status_code not in (301, 307, 308, 404, 502)


# ------------------------------------------------------------------ what is believed


@pytest.mark.skipif(not proxies.NGINX, reason="nginx is not installed")
def test_logging_in_and_signed_links_work_below_the_prefix(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    settings = {"server_allowed_hosts": NAME, "server_api_keys": KEY}
    with (
        serving(tmp_path / "server", "--host", "0.0.0.0", loaded=False, **settings) as server,
        proxies.nginx(tmp_path, authority, server.port) as port,
    ):
        server.http.headers["X-API-Key"] = KEY
        server.post("/models/load", SCRIPTED)
        picture = server.http.post("/txt2img?wait=60", json=SHORT).json()["outputs"][0]
        site = Site(port, authority.trust())
        navigates = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        led = site.send("GET", f"{PREFIX}/queue/any", headers=navigates)
        assert led.status_code == 303
        target = led.url.join(led.headers["location"])
        assert (target.path, target.params["next"]) == (f"{PREFIX}/login", "queue/any")
        assert "Log in" in site.send("GET", f"{PREFIX}/login").text
        origin = {"Origin": site.origin}
        begun = site.send("POST", f"{PREFIX}/login", json={"key": KEY}, headers=origin)
        assert "Secure" in begun.headers["set-cookie"]
        session = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
        assert site.send("GET", f"{PREFIX}/queue", headers=session).status_code == 200
        made = site.send(
            "POST", f"{PREFIX}/output/links", json={"path": picture}, headers=session | origin
        ).json()
        assert made["url"].startswith(f"{site.origin}{PREFIX}/output/{picture}?")
        site.http.cookies.clear()
        opened = site.send("GET", made["url"].removeprefix(site.origin))
        assert (opened.status_code, opened.headers["content-type"]) == (200, "image/png")
        assert site.send("GET", f"{PREFIX}/output/{picture}").status_code == 401
        site.http.close()


def test_a_name_that_a_page_of_another_site_sends_for_the_proxy_does_not_hide_its_own(
    server: RunningServer,
) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "localhost"}
    assert server.http.get("/health", headers=headers).status_code == 400
    headers = {"Host": NAME, "X-Forwarded-Host": "evil.example"}
    assert server.http.get("/health", headers=headers).status_code == 400


@pytest.mark.parametrize("given", ["//evil.example", "/a/../b", "https://evil.example", "/a b", "art"])
def test_a_prefix_that_is_no_path_is_ignored(server: RunningServer, given: str) -> None:
    described = server.http.get("/openapi.json", headers={"X-Forwarded-Prefix": given}).json()
    assert "servers" not in described


def test_one_prefix_is_not_told_to_another_client(server: RunningServer) -> None:
    first = server.http.get("/openapi.json", headers={"X-Forwarded-Prefix": "/one"}).json()
    second = server.http.get("/openapi.json", headers={"X-Forwarded-Prefix": "/two"}).json()
    assert (first["servers"], second["servers"]) == ([{"url": "/one"}], [{"url": "/two"}])
    assert "servers" not in server.http.get("/openapi.json").json()


def test_headers_of_who_is_no_trusted_proxy_are_ignored_and_a_root_path_is_cut_off(tmp_path: Path) -> None:
    settings = {"server_root_path": "/tools/art", "server_trusted_proxies": "10.0.0.1"}
    with serving(tmp_path, loaded=False, **settings) as running:
        headers = {"X-Forwarded-Prefix": "/other", "X-Forwarded-Host": "evil.example"}
        for path in ("/tools/art/openapi.json", "/openapi.json"):
            described = running.http.get(path, headers=headers).json()
            assert described["servers"] == [{"url": "/tools/art"}]
        assert running.http.get("/tools/art/health").json()["status"] == "ok"
        bare = running.http.get("/tools/art")
        assert (bare.status_code, bare.url.join(bare.headers["location"]).path) == (308, "/tools/art/")
        with running.events(f"ws://127.0.0.1:{running.port}/tools/art/ws") as events:
            assert events.next()["event"] == "server_status"
