"""Conversion jobs: the file is written under a temporary name beside its final one, then renamed.

Of scaled FP8 the engine is given a copy with the scales applied, which lies there too while the job runs.
"""

import asyncio
import filecmp
import os
import threading
from collections.abc import Callable
from pathlib import Path

from ...errors import JobFailed
from ...models.allowed_paths import AllowedPaths
from ...schemas.conversion import ConvertRequest
from ...schemas.engine import Convert, LoraFile, Report
from ...schemas.jobs import Job, Outcome
from .publishing import Run


class ConvertTask:
    """One attempt of a conversion."""

    def __init__(self, job: Job, paths: AllowedPaths) -> None:
        assert isinstance(job.params, ConvertRequest)
        assert job.params.output_path is not None
        self._params = job.params
        self._paths = paths
        self._final = Path(job.params.output_path)
        self._job_id = job.id
        self._is_first_attempt = job.attempt == 1
        self.loras: list[LoraFile] = []
        # A dot in front keeps it out of the catalog; the engine writes GGUF whatever the name, but for
        # .safetensors.
        self._unfinished = self._final.with_name(f".{job.id}.{job.attempt}.tmp")
        self._input = self._params.input_path
        self._vae = self._params.vae_path

    async def prepare(self) -> None:
        """Delete what attempts left behind that ended with the server; apply scales. Raises OSError."""
        await asyncio.to_thread(self._delete_attempts)
        self._input = await self._unscale(self._input, ".input.tmp")
        if self._vae:
            self._vae = await self._unscale(self._vae, ".vae.tmp")

    def command(self) -> Callable[[int], Convert]:
        """The command, once it has the id of its call."""
        return lambda call_id: Convert(
            id=call_id,
            input=self._input,
            output=str(self._unfinished),
            output_type=self._params.output_type,
            vae=self._vae,
            tensor_type_rules=self._params.tensor_type_rules,
        )

    async def publish(self, _made: Report, run: Run) -> Outcome:
        """The file appears under its name, and in the catalog. Raises JobFailed if another came before."""
        await asyncio.to_thread(self._rename)
        return Outcome(result=await self._paths.describe(self._final), engine=run.engine)

    async def clean(self) -> None:
        """Delete what was not published."""
        await asyncio.to_thread(self._delete_attempts)

    async def discard(self) -> None:
        """Delete what was published."""
        await asyncio.to_thread(self._final.unlink, missing_ok=True)
        await self._paths.describe(self._final)

    async def _unscale(self, path: str, suffix: str) -> str:
        """A copy of a scaled file without scales; any other file itself."""
        # NumPy takes 0.1 s to come.
        from ...models.unscaled_copy import needs_unscaling, write_unscaled

        source, target = Path(path), self._unfinished.with_suffix(suffix)
        if not await asyncio.to_thread(needs_unscaling, source):
            return path
        stopped = threading.Event()
        try:
            await asyncio.to_thread(write_unscaled, source, target, stopped.is_set)
        finally:
            stopped.set()  # a thread goes on when nobody waits for it any more
        return str(target)

    def _rename(self) -> None:
        if not self._params.overwrite and self._final.exists() and not self._was_made_before():
            raise JobFailed(f"output_path: {self._final} exists by now; overwrite: true replaces it")
        with open(self._unfinished, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self._unfinished, self._final)

    def _was_made_before(self) -> bool:
        """Whether the file is that of an earlier attempt, which was killed between the file and its row.

        Nothing but its bytes can tell; the same conversion makes the same ones.
        """
        return not self._is_first_attempt and filecmp.cmp(self._unfinished, self._final, shallow=False)

    def _delete_attempts(self) -> None:
        for path in self._final.parent.glob(f".{self._job_id}.*.tmp"):
            path.unlink(missing_ok=True)
