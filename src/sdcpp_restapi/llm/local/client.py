"""The server's end of the child that runs a chat model."""

import asyncio
import logging
from pathlib import Path
from typing import Self

import psutil

from ...config import Llm
from ...errors import LlmFailed
from ...models.header_cache import read_facts
from ...pipe.child_process import ChildKind, ChildProcess
from ...schemas.llama import REPORT, Ready, Report
from ...schemas.pipe import WaitPolicy

log = logging.getLogger(__name__)


class LlamaChild(ChildProcess[Report]):
    """One living child with its model in memory, made by `start`."""

    kind = ChildKind(
        name="The language model's process",
        module="sdcpp_restapi.llm.local.child",
        timeout_setting="llm.load_timeout",
        last_reports=("completed", "refused"),
        lost_error=LlmFailed,
        unusable_error=LlmFailed,
        log=logging.getLogger("sdcpp_restapi.llm.log"),
    )
    reports = REPORT

    @classmethod
    async def start(cls, settings: Llm, path: Path, wait: WaitPolicy) -> Self:
        """Spawn a child and wait until it has read the model.

        Raises LlmFailed with llama.cpp's message, or at once for a file whose header is not valid: of some,
        llama.cpp would read until memory ends.
        """
        await asyncio.to_thread(_check_header, path)
        arguments = {
            "--model": path,
            "--threads": settings.threads or _count_threads(),
            "--context": settings.context,
            "--gpu-layers": settings.gpu_layers,
            "--wait": wait,
        }
        # As one word each: argparse takes a -1 of its own for an option.
        child, first = await cls.spawn(
            [f"{name}={value}" for name, value in arguments.items()], settings.load_timeout
        )
        if isinstance(first, Ready):
            log.info("loaded %s (%s) in %.1f s", path.name, first.description, first.seconds)
        return child


def _check_header(path: Path) -> None:
    try:
        problem = read_facts(path).problem
    except OSError as error:
        problem = f"it cannot be read: {error.strerror or error}"
    if problem:
        raise LlmFailed(f"{path.name} cannot be loaded: {problem}")


def _count_threads() -> int:
    """Half of the physical cores: the engine uses the others."""
    return max(1, (psutil.cpu_count(logical=False) or 2) // 2)
