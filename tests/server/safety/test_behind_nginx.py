"""A real nginx before the server, with TLS: the recipe of the documentation, as it stands there."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.sync.client import connect

from tests.support.scripted_engine import serving

NAME = "art.example"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
PAGE = Path(__file__).parents[3] / "docs" / "web-ui.md"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def recipe(port: int) -> str:
    """The location block of the documentation, for a server on this port."""
    block = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    assert "127.0.0.1:8080" in block[1]
    return block[1].replace("127.0.0.1:8080", f"127.0.0.1:{port}")


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[tuple[int, ssl.SSLContext]]:
    """Its port, and what a client trusts."""
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "site.pem")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{}}
        http {{
            access_log off; {temporary}
            server {{
                listen 127.0.0.1:{port} ssl;
                server_name {NAME};
                ssl_certificate {folder}/site.pem;
                ssl_certificate_key {folder}/site.pem;
                {recipe(upstream)}
            }}
        }}"""
    )
    process = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        yield port, context
    finally:
        process.terminate()
        process.wait(10)


def test_a_page_behind_tls_may_post_and_listen(tmp_path: Path) -> None:
    with (
        # Reachable by others, so that no rule on pages of this machine opens the door.
        serving(tmp_path, "--host", "0.0.0.0", loaded=False, server_allowed_hosts=NAME) as server,
        nginx(tmp_path, server.port) as (port, trusted),
    ):
        site = f"{NAME}:{port}"
        headers = {"Host": site, "Origin": f"https://{site}"}
        raw = socket.create_connection(("127.0.0.1", port))
        with connect(
            f"wss://{site}/pictures/ws",
            sock=raw,
            ssl=trusted,
            server_hostname=NAME,
            additional_headers={"Origin": f"https://{site}"},
            proxy=None,
        ) as events:
            assert json.loads(events.recv(timeout=30))["event"] == "server_status"
        with httpx.Client(verify=trusted, trust_env=False) as client:

            def post(origin: str) -> int:
                return client.post(
                    f"https://127.0.0.1:{port}/pictures/queue/restore",
                    headers={**headers, "Origin": origin},
                    json={"job_ids": []},
                    extensions={"sni_hostname": NAME},
                ).status_code

            assert post(f"https://{site}") not in (403, 502)
            assert post("https://evil.example") == 403
