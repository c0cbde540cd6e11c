"""The engine's library and its devices, asked as the server asks: in a child process."""

import asyncio
import logging
from collections.abc import Iterator

from ...config import Settings
from ...config.chosen_engine import find_chosen_library
from ...engine.client import EngineChild
from ...errors import SdcppError
from ...schemas.engine import Hello
from ..command_name import command_name
from .findings import Finding, note, ok, wrong


def check(settings: Settings) -> Iterator[Finding]:
    """Start a child, hear its Hello, end it."""
    # Its log lines would only repeat what the finding says.
    logging.getLogger("sdcpp_restapi").setLevel(logging.CRITICAL)
    library = settings.engine.library
    if library is not None and not library.is_file():
        yield wrong(
            "Engine",
            f"there is no file {library}",
            _advise(settings),
        )
        return
    try:
        hello = asyncio.run(_start_child(settings))
    except (SdcppError, OSError) as error:
        yield wrong("Engine", str(error), _advise(settings))
        return
    named = f"stable-diffusion.cpp {hello.version} ({hello.commit}), {hello.library}"
    if hello.commit.startswith(hello.revision):
        yield ok("Engine", named)
    else:
        yield note(
            "Engine",
            f"{named}: an unknown revision, used as {hello.revision} (engine.trust_unknown)",
            "look at its pictures: sdcpp doctor --engine compares two libraries",
        )
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
    library = settings.engine.library
    if library is not None and library == find_chosen_library(settings.paths.data_dir):
        engine = f"{command_name()} engine"
        return f"install the build again with '{engine} install', or go back with '{engine} use default'"
    if library is not None:
        return (
            "correct or remove the setting engine.library (SDCPP_ENGINE_LIBRARY); without it the library"
            " that was installed with this server is used"
        )
    return "reinstall this server, so that the engine's library comes with it"
