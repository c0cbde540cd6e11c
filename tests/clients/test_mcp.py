"""The Model Context Protocol, as the client of its own SDK sees it: over HTTP and over stdio, real engine."""

import base64
import io
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import ResourceLink
from PIL import Image

from tests.clients.mcp_calls import call, connected, pictures, refusal, report
from tests.support.command import COMMAND, environment
from tests.support.images import encoded, picture
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

ESRGAN = "RealESRGAN_tiny.safetensors"
ENV = {
    "SDCPP_GENERATION_PRESETS": json.dumps({"SD1.5": {"width": 64, "height": 64, "steps": 2}}),
    "SDCPP_SERVER_ALLOWED_HOSTS": '["studio.example"]',
}
SERVER = ServerSetup(models=[("esrgan", ESRGAN)], loads=["sd1_vae"], env=ENV)
TOOLS = {
    "generate_image", "edit_image", "upscale_image", "generate_video", "list_models", "load_model",
    "get_job", "wait_for_job", "cancel_job", "plan",
}  # fmt: skip
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("transport", ["http", "http of 2025", "stdio"])
async def test_a_picture_is_drawn_with_progress_and_shown(server: RunningServer, transport: str) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with connected(server, transport) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        answer = await client.call_tool(
            "generate_image", {"prompt": "a cat", "seed": 7}, progress_callback=hear
        )
    assert not answer.is_error, answer.content
    told = report(answer)
    assert (told["status"], told["seed"], told["width"]) == ("completed", 7, 64)
    (file,) = told["files"]
    assert file["url"] == f"{server.url}/output/{told['job_id']}/image_0.png"
    assert pictures(answer) == [server.http.get(file["url"]).content]
    (link,) = [block for block in answer.content if isinstance(block, ResourceLink)]
    assert (link.uri, link.mime_type) == (file["uri"], "image/png")
    assert heard == sorted(set(heard))
    assert heard[-1] == 100.0


async def test_an_output_is_edited_by_its_uri_and_read_as_a_resource(server: RunningServer) -> None:
    async with connected(server) as client:
        drawn = await call(client, "generate_image", prompt="a cat", width=128, height=64)
        uri = report(drawn)["files"][0]["uri"]
        edited = report(await call(client, "edit_image", prompt="a dog", image=uri, strength=0.5))
        content = (await client.read_resource(uri)).contents[0]
        missing = uri.replace("image_0", "image_9")
        with pytest.raises(MCPError, match=r"[Nn]ot found"):
            await client.read_resource(missing)
        with pytest.raises(MCPError):
            await client.read_resource("sdcpp://output/../../data/keys.json")
    assert (edited["type"], edited["width"], edited["height"]) == ("img2img", 128, 64)
    assert base64.b64decode(content.blob) == pictures(drawn)[0]  # type: ignore[union-attr]
    assert content.mime_type == "image/png"


async def test_files_of_this_machine_are_read_by_the_command_only(
    server: RunningServer, tmp_path: Path
) -> None:
    path = tmp_path / "small.png"
    path.write_bytes(encoded(picture(16, 16)))
    async with connected(server, "stdio") as client:
        answer = await call(client, "upscale_image", image=str(path), upscaler=ESRGAN)
        with Image.open(io.BytesIO(pictures(answer)[0])) as image:
            assert image.size == (64, 64)
        assert "cannot be read" in await refusal(client, "upscale_image", image=str(tmp_path / "none.png"))
    async with connected(server) as client:
        assert "is no picture" in await refusal(client, "upscale_image", image=str(path))
        data = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        answer = await call(client, "upscale_image", image=data, factor=2)
        with Image.open(io.BytesIO(pictures(answer)[0])) as image:
            assert image.size == (32, 32)


async def test_a_job_that_takes_longer_is_waited_for_and_cancelled(server: RunningServer) -> None:
    async with connected(server) as client:
        settings = {"steps": 1000}
        begun = await call(client, "generate_image", prompt="a cat", settings=settings, wait_seconds=0)
        job_id = report(begun)["job_id"]
        assert report(begun)["notes"] == [
            "It has not ended: call wait_for_job to go on waiting, or cancel_job to stop it."
        ]
        waited = await call(client, "wait_for_job", job_id=job_id, wait_seconds=0.1)
        assert report(waited)["status"] in ("pending", "processing")
        await call(client, "cancel_job", job_id=job_id)
        ended = await call(client, "wait_for_job", job_id=job_id)
        assert report(ended)["status"] == report(await call(client, "get_job", job_id=job_id))["status"]
        assert report(ended)["status"] == "cancelled"


async def test_models_are_listed_and_loaded_and_a_plan_is_made(server: RunningServer) -> None:
    async with connected(server) as client:
        models = report(await call(client, "list_models", type="checkpoint"))
        (one,) = models["models"]
        assert (one["name"], one["architecture"]) == (models["loaded_model"], "SD1.5")
        loaded = report(await call(client, "load_model", name=one["name"]))
        assert (loaded["loaded"], loaded["architecture"]) == (one["name"], "SD1.5")
        planned = report(await call(client, "plan", prompt="a cat", height=128, settings={"steps": 5}))
        assert (planned["width"], planned["height"], planned["steps"]) == (64, 128, 5)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("generate_image", {"prompt": "a cat", "steps": 3}, "generate_image has no argument steps; it has"),
        ("generate_image", {"prompt": "a cat", "settings": {"stps": 3}}, "stps"),
        ("generate_image", {"prompt": "a cat", "settings": {"sampler": "none"}}, "must be one of euler"),
        ("generate_image", {}, "prompt"),
        ("generate_image", {"prompt": "a cat", "count": 99}, "count"),
        ("load_model", {"name": "nothing.gguf"}, "nothing.gguf. Call list_models to see the names."),
        ("edit_image", {"prompt": "a", "image": "data:image/png;base64,!"}, "no valid base64"),
        ("edit_image", {"prompt": "a", "image": "data:,aGVsbG8="}, "the picture cannot be read"),
        ("get_job", {"job_id": "nothing"}, "Job not found"),
        ("cancel_job", {"job_id": "../health"}, "ot found"),
        ("plan", {"prompt": "a cat", "width": -8}, "width"),
    ],
)
async def test_what_goes_wrong_is_a_sentence_for_the_model(
    server: RunningServer, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with connected(server) as client:
        assert said in await refusal(client, tool, **arguments)


async def test_without_a_server_the_command_says_so(server: RunningServer) -> None:
    arguments = ["-m", "sdcpp_restapi", "mcp", "--server", "http://127.0.0.1:9"]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=environment(server.root))
    async with Client(parameters) as client:
        assert "No server answers at http://127.0.0.1:9" in await refusal(client, "list_models")


def test_ctrl_c_ends_the_command_while_standard_input_is_open(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "mcp"],
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "sdcpp"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_streams_and_sessions_to_ask_for(server: RunningServer, method: str) -> None:
    answer = server.http.request(method, "/mcp", headers=ACCEPT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["code"] == "method_not_allowed"


def test_a_slash_at_its_end_does_not_matter(server: RunningServer) -> None:
    assert server.http.post("/mcp/", json=INITIALIZE, headers=ACCEPT).status_code == 200


def test_below_its_address_is_nothing(server: RunningServer) -> None:
    assert server.http.post("/mcp/other", json=INITIALIZE, headers=ACCEPT).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "studio.example"}, 200),
        ({"host": "studio.example", "origin": "http://studio.example"}, 200),
        ({"host": "evil.example"}, 400),
        ({"origin": "http://evil.example"}, 403),
    ],
)
def test_hosts_and_origins_are_those_of_the_server(
    server: RunningServer, headers: dict[str, str], status: int
) -> None:
    answer = server.http.post("/mcp", json=INITIALIZE, headers=ACCEPT | headers)
    assert answer.status_code == status, answer.text


def test_a_client_that_leaves_within_its_body_is_no_error(server: RunningServer) -> None:
    """A traceback in the server's log would fail the whole file."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
            b"Accept: application/json, text/event-stream\r\n\r\n{"
        )
    assert server.http.post("/mcp", json=INITIALIZE, headers=ACCEPT).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"jsonrpc": "2.0"}', b'"x"', b"\xff"])
def test_what_is_no_message_is_refused(server: RunningServer, body: bytes) -> None:
    answer = server.http.post("/mcp", content=body, headers=ACCEPT)
    assert 400 <= answer.status_code < 500
