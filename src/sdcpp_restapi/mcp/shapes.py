"""What tools take and answer: small shapes, since a language model reads all of it."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ..client.files import output_url
from ..schemas.jobs import JobStatus, JobType, JobView
from ..schemas.models import DetailedEntry, LoadResponse
from ..schemas.plan import Plan

RESOURCE = "sdcpp://output/"


class LoraWeight(BaseModel):
    """A LoRA for one picture."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="As list_models names it")
    weight: float = Field(1.0, description="How strongly it acts; 0.5 to 1 is usual")


class SamplingSettings(BaseModel):
    """Leave fields out unless the user asks for them: the server has values that suit the model."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    negative_prompt: str | None = Field(None, description="What to keep away from; needs cfg_scale above 1")
    steps: int | None = Field(None, description="Sampling steps")
    cfg_scale: float | None = Field(None, description="How closely the prompt is followed")
    sampler: str | None = Field(None, description="E.g. euler, euler_a, dpm++2m")
    scheduler: str | None = Field(None, description="E.g. discrete, karras")
    model: str | None = Field(None, description="Another model than the loaded one, as list_models names it")
    loras: list[LoraWeight] | None = Field(None, description="LoRAs that were made for this model")

    def fields(self) -> dict[str, object]:
        """Those of a request that were given."""
        return self.model_dump(exclude_none=True)


class OutputFile(BaseModel):
    """A file that a job made."""

    uri: str = Field(description="Names it in other tools, and as a resource")
    url: str = Field(description="Where a person can open it")


class JobReport(BaseModel):
    """How a job is."""

    job_id: str
    type: JobType
    status: JobStatus
    percent: float = Field(description="Of its steps that are done")
    position: int | None = Field(None, description="While it waits: its place in the queue, 1 = next")
    seed: int | None = Field(None, description="The same seed and request draw the same picture again")
    width: int | None = None
    height: int | None = None
    files: list[OutputFile] = []
    error: str | None = None
    warnings: list[str] = Field([], description="What was asked for and did not act, or acted otherwise")
    notes: list[str] = Field([], description="What to know or do next")

    @classmethod
    def of(cls, job: JobView, url: str) -> Self:
        """Of a job of the server at `url`."""
        numbers = {name: job.params.get(name) for name in ("seed", "width", "height")}
        return cls(
            job_id=job.job_id,
            type=job.type,
            status=job.status,
            percent=job.progress.percentage,
            position=job.position,
            files=[OutputFile(uri=RESOURCE + path, url=output_url(url, path)) for path in job.outputs],
            error=job.error,
            warnings=job.warnings or [],
            **{name: value for name, value in numbers.items() if isinstance(value, int)},
        )


class ModelBrief(BaseModel):
    """A model file on the server's disk."""

    name: str
    type: str
    megabytes: int
    architecture: str | None = Field(description="What it is, or what it is made for; null where unknown")
    trigger_words: list[str] = Field(description="Words of a LoRA that a prompt must contain")
    is_loaded: bool

    @classmethod
    def of(cls, entry: DetailedEntry) -> Self:
        """Of an entry of GET /models."""
        return cls(
            name=entry.name,
            type=entry.type,
            megabytes=entry.size_bytes // 10**6,
            architecture=entry.architecture,
            trigger_words=entry.trigger_words,
            is_loaded=bool(entry.is_loaded),
        )


class ModelsReport(BaseModel):
    """Answer of list_models."""

    models: list[ModelBrief]
    left_out: int = Field(0, description="How many more there are; ask with search or type to see them")
    loaded_model: str | None = Field(description="The one that draws; null = none, call load_model")
    loaded_upscaler: str | None


class LoadReport(BaseModel):
    """Answer of load_model."""

    loaded: str
    type: str
    architecture: str | None
    components: dict[str, str] = Field({}, description="Other files that are loaded with it")
    warnings: list[str] = []

    @classmethod
    def of(cls, loaded: LoadResponse) -> Self:
        """Of the answer of POST /models/load."""
        return cls(
            loaded=loaded.model_name,
            type=loaded.model_type,
            architecture=loaded.model_architecture,
            components=loaded.loaded_components.model_dump(exclude_none=True),
            warnings=loaded.warnings or [],
        )


class PlanReport(BaseModel):
    """Answer of plan."""

    type: Literal["txt2img", "img2img", "txt2vid", "upscale"]
    width: int
    height: int
    steps: int | None
    model: str | None
    memory_megabytes: int = Field(description="What it would take at most")
    seconds: float | None = Field(description="How long it would take; null without experience")
    warnings: list[str]

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Of the answer of POST /plan."""
        steps = plan.params.get("steps")
        return cls(
            type=plan.type,
            width=plan.width,
            height=plan.height,
            steps=steps if isinstance(steps, int) else None,
            model=plan.model.model_name if plan.model else None,
            memory_megabytes=plan.memory.bytes // 10**6,
            seconds=plan.time.seconds,
            warnings=plan.warnings,
        )
