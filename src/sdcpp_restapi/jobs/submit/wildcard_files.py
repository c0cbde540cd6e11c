"""Wildcard files: lists of words, one a line, from which prompt templates draw."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ...errors import BadRequest
from .prompt_templates import FIELD, draw


class Wildcards:
    """The folder of wildcard files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def draw(self, template: str, seed: int) -> str:
        """The prompt that a seed draws from a template. Raises BadRequest naming the field."""
        return await asyncio.to_thread(draw, template, seed, self._lines)

    def _lines(self, name: str) -> Sequence[str]:
        """Without empty lines and those that begin with '#'."""
        if ".." in PurePosixPath(name).parts:
            raise BadRequest(f"{FIELD}: the wildcard __{name}__ is not allowed: '..' leaves the folder")
        path = self._folder / f"{name}.txt"
        # Resolved, because links lead out of the folder as well, and an absolute name replaces it.
        if not os.path.isfile(path) or not path.resolve().is_relative_to(self._folder.resolve()):
            raise BadRequest(f"{FIELD}: there is no file {name}.txt for __{name}__ in {self._folder}")
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, ValueError) as error:
            raise BadRequest(f"{FIELD}: {name}.txt for __{name}__ cannot be read: {error}") from None
        lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        if not lines:
            raise BadRequest(f"{FIELD}: {name}.txt for __{name}__ in {self._folder} has no lines")
        return lines
