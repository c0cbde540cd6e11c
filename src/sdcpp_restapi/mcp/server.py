"""The server of the Model Context Protocol: the tools with what its SDK needs to know of them."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations

from .. import __version__
from ..client import AsyncClient, ClientError, ServerRefused
from .pictures import BadArgument
from .shapes import RESOURCE
from .tools import Tools

INSTRUCTIONS = """\
Draws pictures and videos with stable-diffusion.cpp on the user's own machine. A model must be loaded: see \
list_models. Work is done by jobs in a queue: tools wait a while for theirs and return its id, with which \
wait_for_job goes on waiting. Files have a uri (sdcpp://output/...), which other tools take as a picture, \
and a url, which the user can open."""
# What helps a model on, by the code of the error.
HINTS = {
    "no_model_loaded": "Call list_models, then load_model with one of type checkpoint or diffusion.",
    "model_not_found": "Call list_models to see the names.",
    "lora_not_found": "Call list_models with type lora to see the names.",
    "no_upscaler_loaded": "Give the name of an esrgan model of list_models as upscaler.",
    "upscaler_not_found": "Call list_models with type esrgan to see the names.",
}
READS, WRITES = ToolAnnotations(read_only_hint=True), ToolAnnotations(destructive_hint=False)
ENDS = ToolAnnotations(destructive_hint=True)
# Of output files, whose resources need one template for each media type.
MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "json": "application/json",
}


def create_server(client: AsyncClient, reads_files: bool) -> MCPServer[Any]:
    """A server whose tools use `client`; with `reads_files` they take paths on this machine for pictures."""
    tools = Tools(client, reads_files)
    known = [
        _tool(tools.generate_image, "Generate image", WRITES),
        _tool(tools.edit_image, "Edit image", WRITES),
        _tool(tools.upscale_image, "Upscale image", WRITES),
        _tool(tools.generate_video, "Generate video", WRITES),
        _tool(tools.list_models, "List models", READS),
        _tool(tools.load_model, "Load model", WRITES),
        _tool(tools.get_job, "Get job", READS),
        _tool(tools.wait_for_job, "Wait for job", READS),
        _tool(tools.cancel_job, "Cancel job", ENDS),
        _tool(tools.plan, "Plan", READS),
    ]
    server: MCPServer[Any] = MCPServer(
        "sdcpp",
        title="stable-diffusion.cpp",
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=known,
        log_level="WARNING",
        subscriptions=False,
        middleware=[_RefuseUnknown({tool.name: set(tool.parameters["properties"]) for tool in known})],
    )
    for ending, media_type in MEDIA_TYPES.items():
        _add_files(server, client, ending, media_type)
    return server


def _tool(function: Callable[..., Awaitable[Any]], title: str, annotations: ToolAnnotations) -> Tool:
    tool = Tool.from_function(_telling_errors(function), title=title, annotations=annotations)
    tool.parameters["additionalProperties"] = False
    return tool


def _telling_errors[**Arguments, Answer](
    function: Callable[Arguments, Awaitable[Answer]],
) -> Callable[Arguments, Awaitable[Answer]]:
    """The same with errors that the protocol passes on to the model."""

    @functools.wraps(function)
    async def told(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return await function(*args, **kwargs)
        except ServerRefused as error:
            raise ToolError(". ".join(filter(None, (str(error), HINTS.get(error.code or ""))))) from error
        except (ClientError, BadArgument) as error:
            raise ToolError(str(error)) from error

    return told


class _RefuseUnknown:
    """Middleware of the SDK, which itself drops arguments that a tool does not have without a word."""

    def __init__(self, known: dict[str, set[str]]) -> None:
        self._known = known

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answer, or pass the request on."""
        params = ctx.params or {}
        name, arguments = params.get("name"), params.get("arguments")
        if ctx.method == "tools/call" and name in self._known and isinstance(arguments, dict):
            unknown = sorted(set(arguments) - self._known[name])
            if unknown:
                has = ", ".join(sorted(self._known[name]))
                text = f"{name} has no argument {', '.join(unknown)}; it has {has}"
                return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
        return await call_next(ctx)


def _add_files(server: MCPServer[Any], client: AsyncClient, ending: str, media_type: str) -> None:
    async def read(path: str) -> bytes:
        try:
            return await client.output(f"{path}.{ending}")
        except ClientError as error:
            raise ResourceError(str(error)) from error

    server.resource(
        f"{RESOURCE}{{+path}}.{ending}",
        name=f"output-{ending}",
        title=f"Files of jobs ({ending})",
        description="A file that a job made, by the uri in the answer of a tool",
        mime_type=media_type,
    )(read)
