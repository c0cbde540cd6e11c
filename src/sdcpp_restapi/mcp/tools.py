"""The tools, once for both transports: a method a tool, whose text and parameters a language model reads."""

import asyncio
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from ..client import AsyncClient
from ..schemas.events import ModelLoadingProgress
from ..schemas.model_types import ModelType
from ..schemas.models import DetailedEntry
from .answers import answer_when_done, answer_with_job
from .pictures import BadArgument, fitting_size, read_picture
from .shapes import JobReport, LoadReport, ModelBrief, ModelsReport, PlanReport, SamplingSettings

# Hosts give a tool a minute unless they are told otherwise.
DEFAULT_WAIT = 50.0
MOST_LISTED = 100

Ctx = Context[Any, Any]
JobAnswer = Annotated[CallToolResult, JobReport]
Prompt = Annotated[str, Field(description="What to draw, described in English: subject, style, light, view")]
Pixels = Annotated[int | None, Field(description="Pixels; left out: what suits the model")]
Seed = Annotated[int | None, Field(description="Left out: random. The same one repeats a picture")]
Wait = Annotated[
    float,
    Field(ge=0, le=3600, description="Seconds to wait for the job; it goes on after that, see wait_for_job"),
]
Sampling = Annotated[SamplingSettings | None, Field(description="Rarely needed: leave it out at first")]
Picture = Annotated[
    str, Field(description="The uri of an earlier output (sdcpp://output/...), or a data: URL with base64")
]
JobId = Annotated[str, Field(description="As the tool that began it answered")]


class Tools:
    """What a language model can do with a server; methods raise ClientError and BadArgument."""

    def __init__(self, client: AsyncClient, reads_files: bool) -> None:
        """`reads_files`: pictures may be paths on this machine."""
        self._client = client
        self._reads_files = reads_files

    async def generate_image(
        self,
        ctx: Ctx,
        prompt: Prompt,
        width: Pixels = None,
        height: Pixels = None,
        count: Annotated[int, Field(ge=1, le=16, description="How many pictures")] = 1,
        seed: Seed = None,
        settings: Sampling = None,
        wait_seconds: Wait = DEFAULT_WAIT,
    ) -> JobAnswer:
        """Draw pictures from a text. Returns them with the uris of their files. A model must be loaded
        (list_models, load_model). When a job takes longer than wait_seconds, call wait_for_job with its id.
        """
        fields = _fields(settings, width=width, height=height, batch_count=count, seed=seed)
        accepted = await self._client.generate(prompt, **fields)
        return await answer_when_done(self._client, ctx, accepted, wait_seconds)

    async def edit_image(
        self,
        ctx: Ctx,
        prompt: Prompt,
        image: Picture,
        mask: Annotated[
            str | None, Field(description="A picture of the same size, white where to paint anew, else black")
        ] = None,
        strength: Annotated[
            float | None, Field(ge=0, le=1, description="0 keeps the picture, 1 draws all anew; default 0.75")
        ] = None,
        as_reference: Annotated[
            bool,
            Field(
                description="For models that follow instructions (Flux Kontext, Qwen Image Edit): the prompt"
                " says what to change, and strength and mask do not apply"
            ),
        ] = False,
        width: Pixels = None,
        height: Pixels = None,
        seed: Seed = None,
        settings: Sampling = None,
        wait_seconds: Wait = DEFAULT_WAIT,
    ) -> JobAnswer:
        """Change a picture. The prompt describes the whole picture as it shall be, not the change, unless
        as_reference is true. Without width and height the picture keeps its size, up to a megapixel.
        """
        content = await self._read(image)
        wide, high = await asyncio.to_thread(fitting_size, content)
        fields = _fields(settings, width=width or wide, height=height or high, seed=seed)
        if not as_reference:
            fields |= {} if strength is None else {"strength": strength}
            white = None if mask is None else await self._read(mask)
            accepted = await self._client.generate(prompt, image=content, mask=white, **fields)
        elif mask is not None or strength is not None:
            raise BadArgument("mask and strength do not apply with as_reference: leave them out")
        else:
            accepted = await self._client.edit(prompt, content, **fields)
        return await answer_when_done(self._client, ctx, accepted, wait_seconds)

    async def upscale_image(
        self,
        ctx: Ctx,
        image: Picture,
        factor: Annotated[int | None, Field(ge=1, le=16, description="Left out: the upscaler's own")] = None,
        upscaler: Annotated[
            str | None, Field(description="An esrgan model of list_models; left out: the loaded one")
        ] = None,
        wait_seconds: Wait = DEFAULT_WAIT,
    ) -> JobAnswer:
        """Make a picture larger with an upscaler, which adds detail. No other model is needed."""
        content = await self._read(image)
        if upscaler is not None:
            own = (await self._client.load_upscaler(upscaler)).upscale_factor
            factor = factor or own
        accepted = await self._client.upscale(content, **({"upscale_factor": factor} if factor else {}))
        return await answer_when_done(self._client, ctx, accepted, wait_seconds)

    async def generate_video(
        self,
        ctx: Ctx,
        prompt: Prompt,
        first_frame: Annotated[
            str | None, Field(description="A picture to begin with, as for edit_image")
        ] = None,
        frames: Annotated[int | None, Field(ge=1, description="How many; 33 are two seconds")] = None,
        fps: Annotated[int | None, Field(ge=1, le=240, description="Frames a second; default 16")] = None,
        width: Pixels = None,
        height: Pixels = None,
        seed: Seed = None,
        settings: Sampling = None,
        wait_seconds: Wait = DEFAULT_WAIT,
    ) -> JobAnswer:
        """Make a video from a text, with a video model (architecture Wan or the like). It takes minutes to
        hours: expect to call wait_for_job. The answer has the video's uri and url, not the video itself.
        """
        image = None if first_frame is None else await self._read(first_frame)
        fields = _fields(settings, width=width, height=height, seed=seed, video_frames=frames, fps=fps)
        accepted = await self._client.generate(prompt, image=image, video=True, **fields)
        return await answer_when_done(self._client, ctx, accepted, wait_seconds)

    async def list_models(
        self,
        type: Annotated[
            ModelType | None,
            Field(description="checkpoint and diffusion draw, lora changes them, esrgan enlarges"),
        ] = None,
        search: Annotated[str | None, Field(description="A part of the name")] = None,
    ) -> ModelsReport:
        """The model files that the server has, what they are, and what is loaded."""
        filters = {"type": type, "search": search}
        found = await self._client.models_in_detail(**{k: v for k, v in filters.items() if v is not None})
        health = await self._client.health()
        lists = (value for _, value in found if isinstance(value, list))
        lines = [ModelBrief.of(one) for entries in lists for one in entries if isinstance(one, DetailedEntry)]
        return ModelsReport(
            models=lines[:MOST_LISTED],
            left_out=max(0, len(lines) - MOST_LISTED),
            loaded_model=health.model_name,
            loaded_upscaler=health.upscaler_name,
        )

    async def load_model(
        self,
        ctx: Ctx,
        name: Annotated[str, Field(description="Of type checkpoint or diffusion, as list_models names it")],
        components: Annotated[
            dict[str, str] | None,
            Field(
                description="Files that go with it, such as {'vae': 'ae.safetensors'}. Left out: the server"
                " picks those that fit"
            ),
        ] = None,
    ) -> LoadReport:
        """Load the model that draws from now on; it replaces the loaded one. Takes seconds to minutes."""
        async with self._client.events() as events:
            loading = asyncio.ensure_future(self._client.load_model(name, **(components or {})))
            try:
                while not loading.done():
                    event = await events.next(0.5)
                    if event and isinstance(event.data, ModelLoadingProgress):
                        done, total = event.data.step, event.data.total_steps
                        await ctx.report_progress(done, total, f"loading {name}")
            finally:
                if not loading.done():
                    loading.cancel()  # the server goes on loading
        return LoadReport.of(await loading)

    async def get_job(self, ctx: Ctx, job_id: JobId) -> JobAnswer:
        """How a job is now; with its pictures once it has completed."""
        return await answer_with_job(self._client, ctx, await self._client.job(job_id))

    async def wait_for_job(self, ctx: Ctx, job_id: JobId, wait_seconds: Wait = DEFAULT_WAIT) -> JobAnswer:
        """Wait for a job, then answer as get_job does. May be called again and again."""
        return await answer_when_done(self._client, ctx, job_id, wait_seconds)

    async def cancel_job(self, ctx: Ctx, job_id: JobId) -> JobAnswer:
        """Stop a job that waits or runs."""
        await self._client.cancel(job_id)
        return await answer_with_job(self._client, ctx, await self._client.job(job_id))

    async def plan(
        self,
        prompt: Prompt,
        width: Pixels = None,
        height: Pixels = None,
        count: Annotated[int, Field(ge=1, description="How many pictures")] = 1,
        settings: Sampling = None,
        video: Annotated[bool, Field(description="For generate_video instead of generate_image")] = False,
        frames: Annotated[int | None, Field(ge=1, description="Of a video")] = None,
    ) -> PlanReport:
        """What generate_image or generate_video would do with these arguments, without doing it: size, model,
        memory, seconds, warnings. What would be refused is refused here."""
        asked = {"batch_count": None if video else count, "video_frames": frames if video else None}
        fields = _fields(settings, width=width, height=height, **asked)
        return PlanReport.of(await self._client.plan(prompt, video=video, **fields))

    async def _read(self, source: str) -> bytes:
        return await read_picture(self._client, source, self._reads_files)


def _fields(settings: SamplingSettings | None, **given: int | None) -> dict[str, Any]:
    """Fields of a request; those that are left out are filled in as suits the model's architecture."""
    fields = {name: value for name, value in given.items() if value is not None}
    return {"use_architecture_defaults": True, **(settings.fields() if settings else {}), **fields}
