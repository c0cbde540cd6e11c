"""Upscale jobs: what each sends to the child, and how its file appears."""

from collections.abc import Callable
from pathlib import Path

from ...outputs.job_folder import JobOutputFolder
from ...schemas.engine import LoraFile, Report, Upscale, Upscaled
from ...schemas.jobs import Job, Outcome
from ...schemas.upscaling import Enlargement, UpscaleRequest, UpscalerRequest
from .generation import InputFiles
from .publishing import Run, publish_files


class UpscaleTask:
    """Upscaling of a picture that a client sent."""

    def __init__(self, job: Job, *, output_dir: Path, input_files: InputFiles) -> None:
        self._job = job
        self._input_files = input_files
        self._folder = JobOutputFolder(output_dir, job)
        self.prepare, self.clean, self.discard = (
            self._folder.create,
            self._folder.delete_unfinished,
            self._folder.discard,
        )
        self.loras: list[LoraFile] = []

    def command(self) -> Callable[[int], Upscale]:
        """The command, once it has the id of its call."""
        params, upscaler = self._stamped()
        how = Enlargement(factor=params.upscale_factor, tile_size=params.tile_size, repeats=params.repeats)
        (image,) = self._input_files(self._job)["image_base64"]
        return lambda call_id: Upscale(
            id=call_id,
            image=image,
            enlargement=how,
            upscaler_name=upscaler.model_name,
            folder=str(self._folder.unfinished),
        )

    async def publish(self, made: Report, run: Run) -> Outcome:
        """The file appears."""
        assert isinstance(made, Upscaled)
        return await publish_files(
            self._job,
            self._folder,
            [made.file],
            {"upscale_seconds": made.seconds, "write_seconds": made.write_seconds},
            {"model": self._stamped()[1].model_dump(mode="json"), "seeds": []},
            run,
            made.warnings,
        )

    def _stamped(self) -> tuple[UpscaleRequest, UpscalerRequest]:
        assert isinstance(self._job.params, UpscaleRequest)
        assert self._job.upscaler is not None
        return self._job.params, self._job.upscaler
