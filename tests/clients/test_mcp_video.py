"""A video as a tool of the Model Context Protocol makes it."""

import pytest
from mcp.types import ResourceLink

from tests.clients.mcp_calls import call, connected, pictures, report
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(models=["lingbot"])


@pytest.mark.heavy
async def test_a_video_is_made_and_linked(server: RunningServer) -> None:
    async with connected(server) as client:
        settings = {"model": "lingbot.gguf", "steps": 1, "cfg_scale": 1.0}
        size = {"width": 32, "height": 32, "frames": 5}
        answer = await call(client, "generate_video", prompt="a cat", settings=settings, **size)
        (link,) = [block for block in answer.content if isinstance(block, ResourceLink)]
        assert (link.uri, link.mime_type) == (report(answer)["files"][0]["uri"], "video/mp4")
        content = (await client.read_resource(link.uri)).contents[0]
    assert pictures(answer) == []
    assert content.mime_type == "video/mp4"
    assert report(answer)["files"][0]["url"].endswith("/video.mp4")
