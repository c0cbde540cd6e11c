"""A server with keys that ends while a tool of its own waits for a job."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.running_server import StartServer
from tests.support.scripted_engine import NEVER_ENDING, SCRIPTED, environment

KEY = "a-secret-for-tests"


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.heavy)])
async def test_the_server_ends_while_a_tool_waits_and_the_job_stays(
    start_server: StartServer, tmp_path: Path, mode: str
) -> None:
    """A traceback in its log would fail this."""
    server = await asyncio.to_thread(
        start_server, env=environment(tmp_path, server_api_keys=KEY, server_shutdown_grace="1")
    )
    server.http.headers["x-api-key"] = KEY
    await asyncio.to_thread(server.post, "/models/load", SCRIPTED)
    running = asyncio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        running.set()

    async def wait_in_a_tool() -> Any:
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=60) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode) as client,
        ):
            asked = {name: NEVER_ENDING[name] for name in ("prompt", "width", "height")}
            arguments = {**asked, "settings": {"steps": 2000}, "wait_seconds": 600}
            return await client.call_tool("generate_image", arguments, progress_callback=hear)

    waiting = asyncio.create_task(wait_in_a_tool())
    await asyncio.wait_for(running.wait(), 60)
    (job,) = (await asyncio.to_thread(server.get, "/queue"))["items"]
    assert job["status"] == "processing"
    assert await asyncio.to_thread(server.stop) == 0
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.to_thread(server.start)
    server.http.headers["x-api-key"] = KEY
    found = await asyncio.to_thread(server.get, f"/queue/{job['job_id']}")
    assert found["status"] in ("pending", "processing")
