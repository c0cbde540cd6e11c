"""Jobs that end in a folder of pictures: what each sends to the child, and how its files appear."""

from collections.abc import Callable
from pathlib import Path

from ...models.lora_files import LoraFiles
from ...models.lora_outcomes import warn_of_vain_loras
from ...models.loras import ResolvedPrompts
from ...outputs.job_folder import JobOutputFolder
from ...schemas.engine import Generate, Generated, LoraFile, LoraOutcome, Report, Upscale, Upscaled
from ...schemas.generation import GenerationRequest, ImageRequest, Img2ImgRequest, Txt2ImgRequest
from ...schemas.jobs import Job, Outcome
from ...schemas.models import LoadRequest
from ...schemas.options import PreviewSettings
from ...schemas.upscaling import Enlargement, UpscaleRequest, UpscalerRequest

InputFiles = Callable[[Job], dict[str, list[str]]]


async def publish_files(
    job: Job,
    folder: JobOutputFolder,
    files: list[str],
    timings: dict[str, float],
    config: dict[str, object],
    warnings: list[str],
) -> Outcome:
    """Add config.json to the files of a finished attempt and let them appear. Raises OSError.

    `warnings` are those of the run, which come after those of the job.
    """
    told = [*job.warnings, *warnings]
    await folder.write_config({**config, "timings": timings, **({"warnings": told} if told else {})})
    await folder.publish()
    return Outcome(
        outputs=tuple(f"{job.id}/{file}" for file in files),
        seconds=sum(timings.values()),
        warnings=tuple(warnings),
    )


class GenerationTask:
    """What the generation of images and of videos have in common."""

    def __init__(
        self,
        job: Job,
        *,
        output_dir: Path,
        lora_files: LoraFiles,
        input_files: InputFiles,
        preview: Callable[[], PreviewSettings],
    ) -> None:
        self._job = job
        self._lora_files = lora_files
        self._input_files = input_files
        self._preview = preview
        self._prompts: ResolvedPrompts | None = None
        self._folder = JobOutputFolder(output_dir, job)
        self.clean, self.discard = self._folder.delete_unfinished, self._folder.discard

    @property
    def loras(self) -> list[LoraFile]:
        """Once it is prepared."""
        return self._prompts.loras if self._prompts else []

    async def prepare(self) -> None:
        """Make the folder, find the LoRAs. Raises BadRequest when one is gone, JobFailed."""
        assert isinstance(self._job.params, GenerationRequest)
        self._prompts = await self._lora_files.resolve(self._job.params, self._job.model)
        await self._folder.create()

    async def warn_of_loras(self, outcomes: list[LoraOutcome]) -> list[str]:
        """What of the LoRAs did not act."""
        return await warn_of_vain_loras(outcomes, self._prompts.sources if self._prompts else {})


class GenerateTask(GenerationTask):
    """txt2img and img2img."""

    def command(self) -> Callable[[int], Generate]:
        """The command, once it has the id of its call."""
        params, model = self._stamped()
        prompts = self._prompts
        assert prompts is not None
        return lambda call_id: Generate(
            id=call_id,
            params=params,
            prompt=prompts.prompt,
            negative_prompt=prompts.negative_prompt,
            loras=prompts.loras,
            images=self._input_files(self._job),
            options=model.options,
            model_name=model.model_name,
            folder=str(self._folder.unfinished),
            preview=self._preview(),
            enlargement=self._enlargement(params),
        )

    async def publish(self, made: Report, told: list[str]) -> Outcome:
        """The files appear; `told` are warnings of the load."""
        assert isinstance(made, Generated)
        upscaler = self._job.upscaler
        return await publish_files(
            self._job,
            self._folder,
            [image.file for image in made.images],
            {"generate_seconds": made.seconds, "write_seconds": made.write_seconds},
            {
                "model": self._stamped()[1].model_dump(mode="json", exclude_none=True),
                **({"upscaler": upscaler.model_dump(mode="json")} if upscaler else {}),
                "seeds": [image.seed for image in made.images],
            },
            [*told, *await self.warn_of_loras(made.loras), *made.warnings],
        )

    def _stamped(self) -> tuple[Txt2ImgRequest | Img2ImgRequest, LoadRequest]:
        assert isinstance(self._job.params, Txt2ImgRequest | Img2ImgRequest)
        assert self._job.model is not None
        return self._job.params, self._job.model

    def _enlargement(self, params: ImageRequest) -> Enlargement | None:
        upscaler = self._job.upscaler
        if upscaler is None:
            return None
        return Enlargement(tile_size=upscaler.tile_size, repeats=params.upscale_repeats)


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

    async def publish(self, made: Report, told: list[str]) -> Outcome:
        """The file appears; `told` are warnings of the load."""
        assert isinstance(made, Upscaled)
        return await publish_files(
            self._job,
            self._folder,
            [made.file],
            {"upscale_seconds": made.seconds, "write_seconds": made.write_seconds},
            {"model": self._stamped()[1].model_dump(mode="json"), "seeds": []},
            [*told, *made.warnings],
        )

    def _stamped(self) -> tuple[UpscaleRequest, UpscalerRequest]:
        assert isinstance(self._job.params, UpscaleRequest)
        assert self._job.upscaler is not None
        return self._job.params, self._job.upscaler
