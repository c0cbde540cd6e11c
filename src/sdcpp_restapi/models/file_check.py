"""Which files on disk no engine may be given: what their headers tell, and what their names do."""

import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import BadRequest
from ..schemas.inspection import ModelFacts
from .header_cache import HeaderCache

# As transformers, diffusers and llama.cpp name the parts of a model that they split.
_PART = re.compile(r"-0*(\d{1,9})-of-0*(\d{1,9})\.[^.]+", re.IGNORECASE)


def find_part(name: str) -> tuple[int, int] | None:
    """Which of how many parts a file is by its name; None for a whole model."""
    found = _PART.search(name)
    if found is None or found.end() < len(name) or int(found[2]) < 2:
        return None
    return int(found[1]), int(found[2])


def find_problem(path: Path, facts: ModelFacts) -> str | None:
    """Why the engine is not given a file; None where nothing speaks against it."""
    part = find_part(path.name)
    if part is not None and facts.problem is None:
        return f"part {part[0]} of {part[1]}: join them or use one file"
    return facts.problem


class FileCheck:
    """Refuses files by their headers. What headers can't tell is left to the engine."""

    def __init__(self, headers: HeaderCache) -> None:
        self._headers = headers

    async def find_problems(self, files: Mapping[str, Path]) -> dict[str, str]:
        """What is wrong with files, as sentences, by the same keys: fields of a request."""
        known = await self._headers.get_all(dict.fromkeys(files.values()))
        found = {field: find_problem(path, known[path]) for field, path in files.items()}
        return {
            field: f"{field}: {files[field].name} can't be used: {problem}"
            for field, problem in found.items()
            if problem
        }

    async def check_for_load(self, files: Mapping[str, Path]) -> None:
        """Raises BadRequest as `check` does, and for files that the engine would read as something else."""
        await self.check(files)
        known = await self._headers.get_all(dict.fromkeys(files.values()))
        _refuse(
            {
                field: f"{field}: '{path.name}' {known[path].unsupported}"
                for field, path in files.items()
                if known[path].unsupported
            }
        )

    async def check(self, files: Mapping[str, Path]) -> None:
        """Raises BadRequest that names every file which can't be used, by its field."""
        _refuse(await self.find_problems(files))


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        raise BadRequest("; ".join(problems.values()), field=next(iter(problems)))
