"""Real reverse proxies, with the configuration files of the folder examples/."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from tests.support.certificates import Authority
from tests.support.ports import find_free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "art.example"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CADDY = shutil.which("caddy")

type Start = Callable[[Path, Authority, int], Iterator[int]]


@contextmanager
def nginx(folder: Path, authority: Authority, upstream: int) -> Iterator[int]:
    """Its port; what it passes on goes to a server on this port."""
    text = _read_example("nginx/sdcpp.conf", authority, upstream)
    port = find_free_port()
    assert "listen 443 ssl;" in text
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f" http {{ access_log off; {temporary}\n{text}\n}}"
    )
    command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with _running(command, folder, port):
        yield port


@contextmanager
def caddy(folder: Path, authority: Authority, upstream: int) -> Iterator[int]:
    """Like `nginx`."""
    text = _read_example("caddy/Caddyfile", authority, upstream)
    port = find_free_port()
    settings = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port {port}\n}}\n"
    (folder / "Caddyfile").write_text(settings + text.replace(f"\n{NAME} {{", f"\n{NAME}:{port} {{"))
    command = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with _running(command, folder, port):
        yield port


def _read_example(name: str, authority: Authority, upstream: int) -> str:
    text = (EXAMPLES / name).read_text("utf-8")
    authority.issue(NAME, NAME)
    for old, new in (
        ("/etc/ssl/", f"{authority.folder}/"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


@contextmanager
def _running(command: Sequence[str], folder: Path, port: int) -> Iterator[None]:
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(200):
            with socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)
