"""Jobs that generate images or a video: what each sends to the child, and how its files appear."""

from collections.abc import Callable
from pathlib import Path

from ...models.lora_files import LoraFiles
from ...models.lora_outcomes import warn_of_ineffective_loras
from ...models.loras import ResolvedPrompts
from ...outputs.job_folder import JobOutputFolder
from ...schemas.engine import (
    Generate,
    Generated,
    GenerateVideo,
    Generation,
    JournalOrder,
    LoraFile,
    LoraOutcome,
    Report,
    VideoGenerated,
)
from ...schemas.generation import GenerationRequest, ImageRequest
from ...schemas.jobs import Job, Outcome
from ...schemas.options import BoundedPreviewSettings
from ...schemas.upscaling import Enlargement
from .publishing import Run, publish_files

InputFiles = Callable[[Job], dict[str, list[str]]]


class GenerationTask:
    """What the generation of images and of videos have in common."""

    def __init__(
        self,
        job: Job,
        *,
        output_dir: Path,
        lora_files: LoraFiles,
        input_files: InputFiles,
        preview: Callable[[], BoundedPreviewSettings],
        journal: JournalOrder | None,
    ) -> None:
        assert isinstance(job.params, GenerationRequest)
        assert job.model is not None
        self._job, self._params, self._model = job, job.params, job.model
        self._lora_files = lora_files
        self._input_files = input_files
        self._preview = preview
        self._journal = journal
        self._prompts: ResolvedPrompts | None = None
        self._folder = JobOutputFolder(output_dir, job)
        self.clean, self.discard = self._folder.delete_unfinished, self._folder.discard

    @property
    def loras(self) -> list[LoraFile]:
        """Once it is prepared."""
        return self._prompts.loras if self._prompts else []

    async def prepare(self) -> None:
        """Make the folder, find the LoRAs. Raises BadRequest when one is gone, JobFailed."""
        self._prompts = await self._lora_files.resolve(self._params, self._model)
        await self._folder.create()

    def _build_command[C: Generation](self, kind: type[C], call_id: int) -> C:
        """The command of this kind, once it is prepared."""
        prompts = self._prompts
        assert prompts is not None
        return kind(
            id=call_id,
            params=self._params,
            prompt=prompts.prompt,
            negative_prompt=prompts.negative_prompt,
            loras=prompts.loras,
            images=self._input_files(self._job),
            options=self._model.options,
            model_name=self._model.model_name,
            folder=str(self._folder.unfinished),
            preview=self._preview(),
            journal=self._journal,
        )

    async def _warn_of_loras(self, outcomes: list[LoraOutcome]) -> list[str]:
        """What of the LoRAs did not act."""
        return await warn_of_ineffective_loras(outcomes, self._prompts.sources if self._prompts else {})

    async def _publish_made(
        self,
        made: Generated | VideoGenerated,
        files: list[str],
        seeds: list[int],
        run: Run,
    ) -> Outcome:
        """The files appear."""
        upscaler = self._job.upscaler
        return await publish_files(
            self._job,
            self._folder,
            files,
            {"generate_seconds": made.seconds, "write_seconds": made.write_seconds},
            {
                "model": self._model.model_dump(mode="json", exclude_none=True),
                **({"upscaler": upscaler.model_dump(mode="json")} if upscaler else {}),
                "seeds": seeds,
                "previews": made.previews,
            },
            run,
            [*await self._warn_of_loras(made.loras), *made.warnings],
        )


class GenerateTask(GenerationTask):
    """txt2img and img2img."""

    def command(self) -> Callable[[int], Generate]:
        """The command, once it has the id of its call."""
        how = {"enlargement": self._describe_enlargement()}
        return lambda call_id: self._build_command(Generate, call_id).model_copy(update=how)

    async def publish(self, made: Report, run: Run) -> Outcome:
        """The files appear."""
        assert isinstance(made, Generated)
        files, seeds = [one.file for one in made.images], [one.seed for one in made.images]
        return await self._publish_made(made, [*files, *made.more_files], seeds, run)

    def _describe_enlargement(self) -> Enlargement | None:
        upscaler = self._job.upscaler
        if upscaler is None:
            return None
        assert isinstance(self._params, ImageRequest)
        return Enlargement(tile_size=upscaler.tile_size, repeats=self._params.upscale_repeats)


class VideoTask(GenerationTask):
    """txt2vid."""

    def command(self) -> Callable[[int], GenerateVideo]:
        """The command, once it has the id of its call."""
        return lambda call_id: self._build_command(GenerateVideo, call_id)

    async def publish(self, made: Report, run: Run) -> Outcome:
        """The files appear."""
        assert isinstance(made, VideoGenerated)
        return await self._publish_made(made, made.files, [self._params.seed], run)
