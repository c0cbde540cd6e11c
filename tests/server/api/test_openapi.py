"""The interface's description of itself, and the pages that show it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator

from tests.support.running_server import RunningServer

ROUTES = {
    ("get", "/health"), ("get", "/models"), ("get", "/models/paths"), ("post", "/models/load"),
    ("post", "/models/unload"), ("post", "/models/refresh"), ("post", "/txt2img"), ("post", "/img2img"),
    ("get", "/queue"), ("get", "/queue/{job_id}"), ("delete", "/queue/{job_id}"),
    ("get", "/preview/settings"), ("put", "/preview/settings"), ("get", "/output/{path}"),
    ("get", "/options"), ("get", "/architectures"),
}  # fmt: skip


@pytest.fixture(scope="module")
def description(scripted: RunningServer) -> dict[str, Any]:
    found: dict[str, Any] = scripted.get("/openapi.json")
    return found


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def keys(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keys(inner)


def test_the_description_is_valid_openapi(description: dict[str, Any]) -> None:
    OpenAPI.model_validate(description)
    assert description["openapi"].startswith("3.1")


def test_every_schema_of_the_description_is_a_valid_json_schema(description: dict[str, Any]) -> None:
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_bounds_have_the_names_that_json_schema_gives_them(description: dict[str, Any]) -> None:
    # Pydantic calls them so where they stand behind a validator; no reader knows these words.
    assert not {"ge", "gt", "le", "lt"} & set(keys(description["components"]["schemas"]))


def test_every_reference_of_the_description_leads_somewhere(description: dict[str, Any]) -> None:
    found = set(references(description))
    assert found
    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert found <= known


def test_every_documented_route_of_this_version_is_described(description: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in operations(description)}
    assert described >= ROUTES


def test_every_operation_has_a_summary_and_a_description(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        assert operation.get("summary"), (method, path)
        assert operation.get("description"), (method, path)


def test_no_operation_promises_a_422(description: dict[str, Any]) -> None:
    promising = [(method, path) for method, path, op in operations(description) if "422" in op["responses"]]
    assert promising == []


@pytest.mark.parametrize("path", ["/txt2img", "/img2img", "/models/load"])
def test_a_body_has_examples_that_are_valid(description: dict[str, Any], path: str) -> None:
    body = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert body["examples"]
    validator = Draft202012Validator({**body["schema"], "components": description["components"]})
    for example in body["examples"].values():
        validator.validate(example["value"])


def test_an_operation_can_be_found_by_a_name_of_its_own(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_a_docs_page_and_its_assets_are_served_locally(scripted: RunningServer, page: str) -> None:
    answer = scripted.http.get(page)
    assert answer.status_code == 200
    assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", answer.text)
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', answer.text)
    assert any(asset.endswith(".js") for asset in assets)
    for asset in assets:
        assert scripted.http.get(asset).status_code == 200, asset


def test_the_front_door_leads_to_a_page(scripted: RunningServer) -> None:
    answer = scripted.http.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
