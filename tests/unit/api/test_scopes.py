"""Every route has a row in the table of scopes, and what needs which one is decided there alone."""

from typing import Any

import pytest

from sdcpp_restapi.api.scopes import TABLE, find_needed, find_row, scope_for
from sdcpp_restapi.requester import Requester
from tests.support.addresses import Address, list_addresses

ADDRESSES = list_addresses()


def test_the_walk_finds_the_routes_of_all_applications() -> None:
    assert len(ADDRESSES) > 130
    paths = {one.path for one in ADDRESSES}
    assert {
        "/ws",
        "/txt2img",
        "/v1/images/edits",
        "/sdapi/v1/options",
        "/controlnet/detect",
        "/api/tags",
    } <= paths
    assert {"/comfyui/ws", "/comfyui/api/free", "/mcp", "/queue/status", "/output/{path:path}"} <= paths


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda one: f"{one.method} {one.path}")
def test_a_route_has_a_row_in_the_table(address: Address) -> None:
    assert find_row(*address) is not None


def test_no_row_is_for_what_does_not_exist() -> None:
    asked = [
        Address("OPTIONS", "/any"),
        *ADDRESSES,
        Address("GET", "/ui"),
        Address("GET", "/ui/a"),
        Address("GET", "/static-offline-docs/a"),
    ]
    used = {find_row(*one) for one in asked}
    assert [row for row in TABLE if row not in used] == []


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ("GET /health", "read"),
        ("HEAD /queue", "read"),
        ("GET /ws", "read"),
        ("POST /txt2img", "generate"),
        ("DELETE /queue/some-job", "generate"),
        ("DELETE /queue/jobs", "own"),
        ("POST /models/load", "manage"),
        ("POST /models/load/", "manage"),
        ("GET /log", "manage"),
        ("GET /keys", "manage"),
        ("GET /keys/self", "read"),
        ("DELETE /keys/self", "manage"),
        ("GET /output/a/b.png", "read"),
        ("POST /output/links", "generate"),
        ("POST /sdapi/v1/options", "manage"),
        ("POST /comfyui/api/free", "manage"),
        ("GET /ui/assets/a.js", "public"),
        ("GET /login", "public"),
        ("OPTIONS /models/load", "public"),
        ("GET /nothing", "read"),
        ("PUT /nothing", "generate"),
    ],
)
def test_a_request_needs_what_its_row_says(asked: str, needed: str) -> None:
    method, path = asked.split(" ")
    assert find_needed(method, path) == needed


def test_what_is_ones_own_needs_less_of_a_users_key() -> None:
    assert scope_for("own", Requester("generate", user="anna", sees="anna")) == "generate"
    assert scope_for("own", Requester("generate", sees="")) == "manage"
    assert scope_for("public", Requester("read")) is None
    assert scope_for("read", Requester("read")) == "read"


@pytest.mark.parametrize(("has", "may"), [("read", 1), ("generate", 2), ("manage", 3)])
def test_a_scope_includes_those_before_it(has: Any, may: int) -> None:
    scopes: list[Any] = ["read", "generate", "manage"]
    assert [Requester(has).may(one) for one in scopes] == [True] * may + [False] * (3 - may)
