"""Ports: free, or in use by a server of ours."""

import errno
import json
import ssl
from collections.abc import Iterator

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from ...client import Client, ClientError
from ...config import Server, Settings
from .. import ports
from ..serve import local_url
from .findings import Finding, ok, wrong

PATIENCE = 3.0
"""Seconds that whatever holds a port gets to show that it is ours."""


def check(settings: Settings) -> Iterator[Finding]:
    """Both ports."""
    server = settings.server
    yield _check_port("HTTP port", server, server.port, "--port")
    yield _check_port("WebSocket port", server, server.ws_port, "--ws-port")


def _check_port(name: str, server: Server, number: int, flag: str) -> Finding:
    if number == 0:
        return ok(name, "a free one is taken at the start")
    find_problem = ports.find_problem(server.host, number)
    if find_problem is None:
        return ok(name, f"{server.host}:{number} is free")
    if find_problem == errno.EADDRINUSE:
        here = server.model_copy(update={"port": number})
        ours = _get_health(here) if flag == "--port" else _check_events(here)
        if ours is not None:
            return ok(name, f"{server.host}:{number}: {ours}")
        return wrong(name, f"{number} is in use by another program", f"choose another one with {flag}")
    if find_problem in (errno.EACCES, errno.EPERM):
        return wrong(name, f"{number} may not be used", f"choose one above 1023 with {flag}")
    return wrong(name, f"{server.host} is not an address of this machine", "choose another with --host")


def _trust_own(server: Server) -> ssl.SSLContext | None:
    """Exactly the server's own certificate, by whatever name it is reached from here."""
    if server.tls_cert is None:
        return None
    context = ssl.create_default_context(cafile=str(server.tls_cert))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _get_health(server: Server) -> str | None:
    try:
        with Client(local_url(server), server.plain_key, _trust_own(server)) as remote:
            health = remote.health(PATIENCE)
    except ClientError as error:
        return "our own server answers, but wants another API key" if "API key" in str(error) else None
    model = f"model {health.model_name}" if health.model_loaded else "no model loaded"
    find_problem = f", last error: {health.last_error}" if health.last_error else ""
    return f"our own server answers, version {health.version}, {model}{find_problem}"


def _check_events(server: Server) -> str | None:
    url = local_url(server).replace("http", "ws", 1)
    headers = {"X-API-Key": key} if (key := server.plain_key) else {}
    try:
        with connect(
            url, additional_headers=headers, proxy=None, ssl=_trust_own(server), open_timeout=PATIENCE
        ) as connection:
            event = json.loads(connection.recv(timeout=PATIENCE))["event"]
    except (OSError, WebSocketException, ValueError, KeyError, TypeError):
        return None
    return "our own server sends events" if event == "server_status" else None
