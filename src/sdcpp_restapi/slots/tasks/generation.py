"""Jobs that end in a folder of pictures: what each sends to the child, and how its files appear."""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ...schemas.engine import Generate, Generated, LoraFile, Report, Upscale, Upscaled
from ...schemas.generation import GenerationRequest, ImageRequest, Img2ImgRequest, Txt2ImgRequest
from ...schemas.jobs import Job, Outcome
from ...schemas.models import LoadRequest
from ...schemas.options import PreviewSettings
from ...schemas.timestamps import utc_text
from ...schemas.upscaling import Enlargement, UpscaleRequest, UpscalerRequest


class Prompts(Protocol):
    """Prompts without LoRA tags, and the LoRAs to apply."""

    @property
    def prompt(self) -> str: ...
    @property
    def negative_prompt(self) -> str: ...
    @property
    def loras(self) -> list[LoraFile]: ...


ResolvePrompts = Callable[[GenerationRequest], Awaitable[Prompts]]
InputFiles = Callable[[Job], dict[str, list[str]]]


class JobOutputFolder:
    """The output folder of one attempt: under a temporary name until everything is in it."""

    def __init__(self, output_dir: Path, job: Job) -> None:
        self._job = job
        self._final = output_dir / job.id
        self.path = output_dir / f".{job.id}.{job.attempt}.tmp"

    async def prepare(self) -> None:
        """Make the folder."""
        await asyncio.to_thread(self.path.mkdir, parents=True, exist_ok=True)

    async def clean(self) -> None:
        """Delete what was not published."""
        await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)

    async def discard(self) -> None:
        """Delete what was published."""
        await asyncio.to_thread(shutil.rmtree, self._final, ignore_errors=True)

    async def publish(
        self, files: list[str], timings: dict[str, float], config: dict[str, object]
    ) -> Outcome:
        """Add config.json and give the folder its final name: from then on the job has outputs."""
        await asyncio.to_thread(self._publish, {**config, "timings": timings})
        outputs = tuple(f"{self._job.id}/{file}" for file in files)
        return Outcome(outputs=outputs, seconds=sum(timings.values()))

    def _publish(self, config: dict[str, object]) -> None:
        job = self._job
        everything = {
            "job_id": job.id,
            "type": job.type,
            "created_at": utc_text(job.created_at),
            "completed_at": utc_text(datetime.now(UTC)),
            "params": job.params.model_dump(mode="json", exclude_none=True),
            **config,
        }
        text = json.dumps(everything, indent=2, ensure_ascii=False) + "\n"
        (self.path / "config.json").write_text(text, encoding="utf-8")
        for unfinished in self.path.glob(".*"):
            unfinished.unlink()  # left by an engine that was ended while it wrote
        if self._final.exists():
            # Left by an attempt that was broken off between the renaming and the database.
            shutil.rmtree(self._final)
        os.replace(self.path, self._final)


class GenerationTask:
    """What the generation of images and of videos have in common."""

    def __init__(
        self,
        job: Job,
        output_dir: Path,
        resolve_prompts: ResolvePrompts,
        input_files: InputFiles,
        preview: Callable[[], PreviewSettings],
    ) -> None:
        self._job = job
        self._resolve_prompts = resolve_prompts
        self._input_files = input_files
        self._preview = preview
        self._prompts: Prompts | None = None
        self._folder = JobOutputFolder(output_dir, job)
        self.clean, self.discard = self._folder.clean, self._folder.discard

    @property
    def loras(self) -> list[LoraFile]:
        """Once it is prepared."""
        return self._prompts.loras if self._prompts else []

    async def prepare(self) -> None:
        """Make the folder, find the LoRAs. Raises BadRequest when one is gone."""
        assert isinstance(self._job.params, GenerationRequest)
        self._prompts = await self._resolve_prompts(self._job.params)
        await self._folder.prepare()


class GenerateTask(GenerationTask):
    """txt2img and img2img."""

    def command(self) -> Callable[[int], Generate]:
        """The command, once it has the id of its call."""
        params, model = self._work()
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
            folder=str(self._folder.path),
            preview=self._preview(),
            enlargement=self._enlargement(params),
        )

    async def publish(self, made: Report) -> Outcome:
        """The files appear."""
        assert isinstance(made, Generated)
        upscaler = self._job.upscaler
        return await self._folder.publish(
            [image.file for image in made.images],
            {"generate_seconds": made.seconds, "write_seconds": made.write_seconds},
            {
                "model": self._work()[1].model_dump(mode="json", exclude_none=True),
                **({"upscaler": upscaler.model_dump(mode="json")} if upscaler else {}),
                "seeds": [image.seed for image in made.images],
            },
        )

    def _work(self) -> tuple[Txt2ImgRequest | Img2ImgRequest, LoadRequest]:
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

    def __init__(self, job: Job, output_dir: Path, input_files: InputFiles) -> None:
        self._job = job
        self._input_files = input_files
        self._folder = JobOutputFolder(output_dir, job)
        self.prepare, self.clean, self.discard = (
            self._folder.prepare,
            self._folder.clean,
            self._folder.discard,
        )
        self.loras: list[LoraFile] = []

    def command(self) -> Callable[[int], Upscale]:
        """The command, once it has the id of its call."""
        params, upscaler = self._work()
        how = Enlargement(factor=params.upscale_factor, tile_size=params.tile_size, repeats=params.repeats)
        (image,) = self._input_files(self._job)["image_base64"]
        return lambda call_id: Upscale(
            id=call_id,
            image=image,
            enlargement=how,
            upscaler_name=upscaler.model_name,
            folder=str(self._folder.path),
        )

    async def publish(self, made: Report) -> Outcome:
        """The file appears."""
        assert isinstance(made, Upscaled)
        return await self._folder.publish(
            [made.file],
            {"upscale_seconds": made.seconds, "write_seconds": made.write_seconds},
            {"model": self._work()[1].model_dump(mode="json"), "seeds": []},
        )

    def _work(self) -> tuple[UpscaleRequest, UpscalerRequest]:
        assert isinstance(self._job.params, UpscaleRequest)
        assert self._job.upscaler is not None
        return self._job.params, self._job.upscaler
