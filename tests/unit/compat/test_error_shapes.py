"""Errors below an interface's addresses have its program's shape, also those before any route."""

import json

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sdcpp_restapi.access.access import Access
from sdcpp_restapi.api.error_handlers import error_response, find_shape, install_error_handlers, our_shape
from sdcpp_restapi.api.guard import Guard
from sdcpp_restapi.api.request_body import JsonBodies
from sdcpp_restapi.compat.error_shapes import openai_shape
from sdcpp_restapi.config import Server, Settings

KEY = "0123456789abcdef"


def make_app() -> Starlette:
    """An application that has routes nowhere, behind the guard and the bound on bodies."""
    app = Starlette()
    install_error_handlers(app, {"/v1": openai_shape})
    app.add_middleware(JsonBodies, max_bytes=2**20)
    settings = Settings(server=Server(api_keys=[SecretStr(KEY)]))
    access = Access(settings)
    app.add_middleware(Guard, server=settings.server, find_access=lambda: access, main_port=8080)
    return app


def test_a_shape_is_that_of_the_addresses_below_its_prefix() -> None:
    app = make_app()
    shapes = {path: find_shape({"app": app, "path": path}) for path in ("/v1", "/v1/models", "/v1x", "/")}
    assert shapes == {"/v1": openai_shape, "/v1/models": openai_shape, "/v1x": our_shape, "/": our_shape}


@pytest.mark.parametrize(
    ("headers", "body", "status", "kind", "code"),
    [
        ({}, b"", 401, "authentication_error", "invalid_api_key"),
        ({"host": "elsewhere.example"}, b"", 400, "invalid_request_error", "bad_request"),
        ({"origin": "https://elsewhere.example"}, b"", 403, "permission_error", "origin_refused"),
        ({"x-api-key": KEY}, b" " * (2**20 + 1), 400, "invalid_request_error", "body_too_large"),
        ({"x-api-key": KEY}, b"", 404, "invalid_request_error", "not_found"),
    ],
)
def test_refusals_before_any_route_have_it_too(
    headers: dict[str, str], body: bytes, status: int, kind: str, code: str
) -> None:
    client = TestClient(make_app(), base_url="http://localhost:8080")
    answer = client.post("/v1/models", headers=headers, content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (status, kind, code)
    ours = client.post("/other", headers=headers, content=body).json()
    assert set(ours) == {"error", "code"}


def test_a_client_of_openai_is_told_not_to_repeat_what_failed() -> None:
    failed = error_response("It failed", 500, "job_failed", shape=openai_shape)
    assert failed.headers["x-should-retry"] == "false"
    missing = error_response("There is none", 500, "model_not_found", "model", openai_shape)
    assert (missing.status_code, json.loads(bytes(missing.body))["error"]["param"]) == (404, "model")
