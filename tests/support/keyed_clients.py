"""Clients of a server that come with keys of different scopes and users."""

from typing import Any

import httpx

from tests.support.running_server import RunningServer


def add_key(server: RunningServer, name: str, scope: str = "generate", user: str | None = None) -> str:
    """The secret of a new key; the server's own client must have one that manages."""
    made = server.post("/keys", {"name": name, "scope": scope, "user": user}, expect=201)
    return str(made["key"])


def client_with(server: RunningServer, key: str) -> httpx.Client:
    """A client that comes with a key."""
    return httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=60)


def refusal(answer: httpx.Response) -> tuple[int, Any]:
    """The status and the code of an answer that tells an error."""
    return answer.status_code, answer.json().get("code")
