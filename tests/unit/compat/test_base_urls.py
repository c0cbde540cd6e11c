"""Slashes too many around the prefix of an interface."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from sdcpp_restapi.compat.base_urls import BaseUrlSlashes


class Behind:
    """The application behind it, which notes what it is asked."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)


async def receive() -> Message:
    raise AssertionError


async def send(message: Message) -> None:
    raise AssertionError(message)


async def path_behind(path: str, *prefixes: str) -> str:
    behind = Behind()
    await BaseUrlSlashes(behind, prefixes)({"type": "http", "path": path}, receive, send)
    (scope,) = behind.scopes
    return str(scope["path"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1//images/generations", "/v1/images/generations"),
        ("//sdapi/v1/options", "/sdapi/v1/options"),
        ("///sdapi/v1//options", "/sdapi/v1/options"),
        ("//v1", "/v1"),
        ("/v1//", "/v1/"),
        ("/v1/models/a//b", "/v1/models/a//b"),  # of a name, not of a base URL
        ("//v1/models/a//b", "/v1/models/a//b"),
        ("//v12/x", "//v12/x"),
        ("//ui/v1/x", "//ui/v1/x"),
        ("/sdapi//v1/options", "/sdapi//v1/options"),
        ("/queue//v1", "/queue//v1"),
    ],
)
async def test_they_mean_nothing_there_and_stay_elsewhere(path: str, expected: str) -> None:
    assert await path_behind(path, "/v1", "/sdapi/v1") == expected


async def test_without_interfaces_all_paths_stay() -> None:
    assert await path_behind("//v1/x") == "//v1/x"


async def test_what_has_no_path_is_passed_on() -> None:
    behind = Behind()
    await BaseUrlSlashes(behind, ["/v1"])({"type": "lifespan"}, receive, send)
    assert behind.scopes == [{"type": "lifespan"}]
