"""The engine's library and its devices, asked as the server asks: in a child process."""

import asyncio
import logging
from collections.abc import Iterator

from ...config import Settings
from ...engine.client import EngineChild
from ...errors import SdcppError
from ...schemas.engine import Hello
from .findings import Finding, ok, wrong


def check(settings: Settings) -> Iterator[Finding]:
    """Start a child, hear its Hello, end it."""
    # Its log lines would only repeat what the finding says.
    logging.getLogger("sdcpp_restapi").setLevel(logging.CRITICAL)
    library = settings.engine.library
    if library is not None and not library.is_file():
        yield wrong(
            "Engine",
            f"there is no file {library}",
            "correct or remove the setting engine.library (SDCPP_ENGINE_LIBRARY); without it the library"
            " that was installed with this server is used",
        )
        return
    try:
        hello = asyncio.run(_start_child(settings))
    except (SdcppError, OSError) as error:
        yield wrong("Engine", str(error), _advise(settings))
        return
    yield ok("Engine", f"stable-diffusion.cpp {hello.version} ({hello.commit}), {hello.library}")
    yield _check_devices(hello)


async def _start_child(settings: Settings) -> Hello:
    child = await EngineChild.start(settings.engine)
    await child.close()
    return child.hello


def _check_devices(hello: Hello) -> Finding:
    devices = [" ".join(line.split("\t", 1)) for line in hello.devices]
    if not devices:
        return wrong("Devices", "the engine finds none", "install another build of the engine's library")
    return ok("Devices", "; ".join(devices))


def _advise(settings: Settings) -> str:
    if settings.engine.command:
        return "see whether it works without the setting engine.command"
    if settings.engine.library is not None:
        return "remove the setting engine.library to use the library that was installed with this server"
    return "reinstall this server, so that the engine's library comes with it"
