"""Tools called through the client of the protocol's own SDK."""

import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent

from tests.support.command import environment
from tests.support.running_server import RunningServer


@asynccontextmanager
async def connected(server: RunningServer, transport: str = "http") -> AsyncIterator[Client]:
    """A client: over stdio, or over HTTP by the newest protocol or that of 2025."""
    if transport == "stdio":
        arguments = ["-m", "sdcpp_restapi", "mcp", "--server", server.url]
        env = environment(server.root)
        async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=env)) as client:
            yield client
    else:
        mode = "legacy" if transport == "http of 2025" else "auto"
        async with Client(f"{server.url}/mcp", mode=mode) as client:
            yield client


async def call(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    """The answer of a tool that must succeed."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The sentence of a tool that must fail."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, answer.content
    assert isinstance(answer.content[0], TextContent)
    return answer.content[0].text


def report(answer: CallToolResult) -> dict[str, Any]:
    """What programs read of an answer."""
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


def pictures(answer: CallToolResult) -> list[bytes]:
    """What the model is shown."""
    return [base64.b64decode(block.data) for block in answer.content if isinstance(block, ImageContent)]
