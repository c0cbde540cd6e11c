"""What a language model is told of the tools, and what starts without the protocol's SDK."""

import subprocess
import sys
from typing import Any

import pytest

from sdcpp_restapi.client import AsyncClient
from sdcpp_restapi.mcp.server import HINTS, create_server
from sdcpp_restapi.schemas.model_types import MODEL_TYPES
from tests.unit.test_errors import all_errors


async def list_tools() -> dict[str, Any]:
    server = create_server(AsyncClient("http://nowhere"), reads_files=False)
    return {tool.name: tool for tool in await server.list_tools()}


async def test_every_tool_and_argument_is_explained() -> None:
    for tool in (await list_tools()).values():
        assert tool.description
        assert tool.title
        assert tool.annotations
        assert tool.output_schema
        assert tool.input_schema["additionalProperties"] is False
        explained = [
            name for name, shape in tool.input_schema["properties"].items() if "description" in shape
        ]
        assert explained == list(tool.input_schema["properties"])


async def test_all_tools_together_are_short_enough_to_be_read() -> None:
    tools = await list_tools()
    assert sum(len(tool.model_dump_json(exclude_none=True)) for tool in tools.values()) < 45_000


def test_hints_are_for_errors_that_there_are() -> None:
    assert set(HINTS) <= {error.code for error in all_errors()}


async def test_every_type_of_models_can_be_asked_for() -> None:
    asked = (await list_tools())["list_models"].input_schema["properties"]["type"]
    assert set(asked["anyOf"][0]["enum"]) == set(MODEL_TYPES)


@pytest.mark.parametrize("module", ["sdcpp_restapi.serve", "sdcpp_restapi.cli.commands"])
def test_nothing_starts_with_the_sdk(module: str) -> None:
    code = f"import sys, {module}; print('mcp' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
