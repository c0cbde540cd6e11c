"""The interfaces of other programs that this server speaks: where each answers, and where its code is."""

from typing import NamedTuple

from ..api.error_handlers import ErrorShape, our_shape
from .error_shapes import a1111_shape, comfyui_shape, openai_shape


class CompatApi(NamedTuple):
    """One interface."""

    name: str  # the setting compat.NAME switches it
    prefixes: tuple[str, ...]  # the addresses below which it answers
    module: str  # has create_app(state: AppState) -> ASGIApp
    error_shape: ErrorShape = our_shape  # of errors below its addresses that the guard answers with
    # Single ones besides, which go before those of our own API. A mount redirects its bare prefix to the
    # address with a slash, and few clients follow with a body.
    addresses: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()  # paths of its WebSockets
    takes_keys: bool = False  # whether an Idempotency-Key acts


APIS = (
    CompatApi("openai", ("/v1",), "sdcpp_restapi.compat.openai.app", openai_shape, takes_keys=True),
    CompatApi(
        "a1111",
        ("/sdapi/v1", "/controlnet"),
        "sdcpp_restapi.compat.a1111.app",
        a1111_shape,
        addresses=("/queue/status",),
    ),
    CompatApi("ollama", ("/api",), "sdcpp_restapi.compat.ollama.app"),
    CompatApi(
        "comfyui",
        ("/comfyui",),
        "sdcpp_restapi.compat.comfyui.app",
        comfyui_shape,
        streams=("/comfyui/ws", "/comfyui/api/ws"),
    ),
    CompatApi("mcp", ("/mcp",), "sdcpp_restapi.mcp.app", addresses=("/mcp",)),
)
