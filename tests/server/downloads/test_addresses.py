"""Which addresses are connected to, and that it is exactly the one that was checked."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sdcpp_restapi.downloads.address_rules import AddressRules
from sdcpp_restapi.downloads.checked_transport import CheckedTransport
from sdcpp_restapi.downloads.failures import AddressRefused, TransferInterrupted
from sdcpp_restapi.downloads.http_client import HttpClient
from tests.server.downloads.conftest import Environment, finished
from tests.support.http_upstream import Upstream, civitai, hub, model_bytes
from tests.support.running_server import RunningServer

PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "localhost",
    "0.0.0.0",
    "2130706433",
    "0x7f.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]


class Directory(AddressRules):
    """Names that mean 127.0.0.1; the rules hold for all others."""

    def __init__(self, *names: str) -> None:
        super().__init__(allow_private=False)
        self._names = names

    async def resolve(self, url: httpx.URL) -> list[str]:
        return ["127.0.0.1"] if url.host in self._names else await super().resolve(url)


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory, environment: Environment) -> Iterator[RunningServer]:
    """A server as it is by default: private addresses are refused."""
    env = environment(allow_private="0")
    with RunningServer(tmp_path_factory.mktemp("careful"), env=env) as running:
        yield running


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused_at_once(careful: RunningServer, host: str) -> None:
    body = {"model_type": "lora", "url": f"http://{host}:8000/x.gguf"}
    answer = careful.http.post("/models/download", json=body)
    assert answer.status_code == 400
    assert "in a private network; the setting downloads.allow_private would allow it" in answer.text


@pytest.mark.parametrize("address", ["93.184.215.14", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]"])
async def test_a_public_address_is_allowed(address: str) -> None:
    assert await AddressRules(allow_private=False).resolve(httpx.URL(f"https://{address}/"))


def test_what_a_source_answers_is_checked_too(
    careful: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    civitai(civitai_site, cdn, model_bytes(1000))
    assert "private network" in finished(careful, model_id="123456")["error"]
    assert careful.http.get("/models/civitai/123456").status_code == 400


def test_the_library_of_hugging_face_asks_no_private_address(
    careful: RunningServer, hub_site: Upstream, cdn: Upstream
) -> None:
    hub(hub_site, cdn, model_bytes(1000), "org/inside", "m.gguf")
    answer = careful.http.get("/models/huggingface", params={"repo_id": "org/inside", "filename": "m.gguf"})
    assert answer.status_code == 400
    assert "in a private network" in answer.json()["error"]
    assert "private network" in finished(careful, repo_id="org/inside", filename="m.gguf")["error"]
    assert not hub_site.asked("/org/inside/resolve/main/m.gguf", "HEAD")


async def test_a_redirect_from_an_allowed_to_a_private_address_is_refused(cdn: Upstream) -> None:
    port = cdn.url.rpartition(":")[2]
    cdn.redirect("/inward", f"http://127.0.0.2:{port}/inside.gguf")
    client = HttpClient(Directory("models.example"), tokens=[], timeout=5)
    with pytest.raises(AddressRefused, match=r"127.0.0.2:\d+ is on this machine or in a private network"):
        async with client.get(f"http://models.example:{port}/inward"):
            pass
    assert not cdn.asked("/inside.gguf")
    await client.close()


async def test_the_checked_address_is_connected_to_and_the_name_stays_in_the_host_header(
    cdn: Upstream,
) -> None:
    port = cdn.url.rpartition(":")[2]
    cdn.file("/named.gguf", b"model")
    client = HttpClient(Directory("models.example"), tokens=[], timeout=5)
    async with client.get(f"http://models.example:{port}/named.gguf") as response:
        assert await response.aread() == b"model"
    assert cdn.asked("/named.gguf")[-1].headers["host"] == f"models.example:{port}"
    await client.close()


async def test_the_next_address_of_a_name_is_tried_if_one_does_not_answer(cdn: Upstream) -> None:
    class Two(AddressRules):
        async def resolve(self, url: httpx.URL) -> list[str]:
            return ["127.0.0.3", "127.0.0.1"]

    cdn.file("/second.gguf", b"model")
    transport = CheckedTransport(Two(allow_private=True))
    response = await transport.handle_async_request(httpx.Request("GET", f"{cdn.url}/second.gguf"))
    assert response.status_code == 200
    await response.aclose()
    await transport.aclose()


async def test_a_name_that_nobody_knows_is_told() -> None:
    with pytest.raises(TransferInterrupted, match=r"The name nobody\.invalid is not known"):
        await AddressRules(allow_private=False).resolve(httpx.URL("http://nobody.invalid/"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that nobody trusts, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, made = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=models.example"
    subprocess.run([*command.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


async def test_tls_asks_for_the_name_and_not_for_the_address(certificate: Path) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    hang_up: Callable[..., None] = lambda _reader, writer: writer.close()  # noqa: E731
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = HttpClient(Directory("models.example"), tokens=[], timeout=5)
    # The name is right, the signature is not: certificates are really checked.
    with pytest.raises(TransferInterrupted, match="certificate verify failed"):
        async with client.get(f"https://models.example:{port}/"):
            pass
    assert asked == ["models.example"]
    await client.close()
    server.close()
    await server.wait_closed()
