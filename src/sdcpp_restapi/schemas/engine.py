"""The messages between the server and an engine child: commands go down, reports come up, one JSON line each.

A command that does work carries an `id`; every report about it repeats that id, and the last one is either
a `Loaded`, `Unloaded`, `Generated`, `VideoGenerated`, `UpscalerReady`, `Upscaled`, `Converted` or a
`Refused`.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ..engine.binding.names import EngineNames
from .base import LATE, Frozen
from .generation import GenerationRequest, Img2ImgRequest, Txt2ImgRequest
from .model_types import Component
from .models import LoadOptions, ModelFiles
from .options import BoundedPreviewSettings
from .pipe import Cancel, Log, Notice, Refused, Shutdown, Unusable
from .upscaling import Enlargement
from .video import Txt2VidRequest

# ---------------------------------------------------------------- commands


class Load(Frozen):
    """Free what is loaded, then load this, eagerly."""

    kind: Literal["load"] = "load"
    id: int
    files: ModelFiles
    options: LoadOptions
    backend: str | None = Field(None, description="The device; None leaves the choice to the engine")


class Unload(Frozen):
    """Free what is loaded."""

    kind: Literal["unload"] = "unload"
    id: int


class LoraFile(Frozen):
    """A LoRA to apply: absolute path, and the sum of its weights."""

    path: str
    weight: float
    high_noise: bool = False


class JournalOrder(Frozen):
    """Where the results of a job's graphs are recorded, and those of an earlier attempt are found."""

    path: str
    most_bytes: int
    parent: str | None = Field(None, description="The journal that the job branches from")


class Generation(Frozen):
    """What images and videos have in common. The files go into `folder`, which exists."""

    id: int
    params: GenerationRequest
    prompt: str = Field(description="params.prompt without LoRA tags")
    negative_prompt: str = Field(description="params.negative_prompt without LoRA tags")
    loras: list[LoraFile] = []
    images: dict[str, list[str]] = Field({}, description="Image field -> absolute paths of stored inputs")
    options: LoadOptions = Field(description="The load's options: defaults for VAE tiling, flow shift")
    model_name: str = Field(description="For the A1111 text of the files")
    folder: str
    preview: BoundedPreviewSettings
    journal: JournalOrder | None = None


class Generate(Generation):
    """Make the images of one job: image_0.png ..."""

    kind: Literal["generate"] = "generate"
    params: Txt2ImgRequest | Img2ImgRequest
    enlargement: Enlargement | None = Field(None, description="What the loaded upscaler does to the images")


class GenerateVideo(Generation):
    """Make the video of one job: video.mp4, poster.jpg and, where they are asked for, its frames."""

    kind: Literal["generate_video"] = "generate_video"
    params: Txt2VidRequest


class LoadUpscaler(Frozen):
    """Free the upscaler that is loaded, then load this, eagerly. The main model stays."""

    kind: Literal["load_upscaler"] = "load_upscaler"
    id: int
    path: str
    n_threads: int = Field(description="0 or -1 = physical cores")
    backend: str | None = Field(None, description="The device; None leaves the choice to the engine")


class UnloadUpscaler(Frozen):
    """Free the upscaler that is loaded."""

    kind: Literal["unload_upscaler"] = "unload_upscaler"
    id: int


class Upscale(Frozen):
    """Put a stored picture through the loaded upscaler and write `folder`/image_0.png."""

    kind: Literal["upscale"] = "upscale"
    id: int
    image: str
    enlargement: Enlargement
    upscaler_name: str = Field(description="For the text of the PNG")
    folder: str


class Convert(Frozen):
    """Write a model in another type. `output` is written as it goes: give it a temporary name."""

    kind: Literal["convert"] = "convert"
    id: int
    input: str
    output: str
    output_type: str
    vae: str | None = None
    tensor_type_rules: str = ""


class WantPreviews(Notice):
    """Somebody looks at previews, or nobody any more: they are computed from the next step on, or not."""

    kind: Literal["want_previews"] = "want_previews"
    wanted: bool


Work = Load | Unload | Generate | GenerateVideo | LoadUpscaler | UnloadUpscaler | Upscale | Convert
Command = Annotated[Work | WantPreviews | Cancel | Shutdown, Field(discriminator="kind")]

# ---------------------------------------------------------------- reports


class Hello(Frozen):
    """First report of a child: the library passed its self-check."""

    kind: Literal["hello"] = "hello"
    commit: str
    revision: str = Field("", description="The commit of the table by which the library is called")
    names: EngineNames = Field(EngineNames(), description="What it knows")
    version: str
    system_info: str
    devices: list[str] = Field(description="'name<TAB>description' lines of sd_list_devices")
    physical_cores: int
    library: str


class LoadStep(Frozen):
    """Weights are being read: `step` of `total_steps` tensors."""

    kind: Literal["load_step"] = "load_step"
    id: int
    step: int
    total_steps: int


class Loaded(Frozen):
    """The model is in memory."""

    kind: Literal["loaded"] = "loaded"
    id: int
    engine_architecture: str = Field(description="As the engine's log names it, e.g. 'SD 1.x', 'Flux'")
    makes_images: bool
    makes_videos: bool
    seconds: float
    unused: list[Component] = Field([], description="Components of whose files the engine read nothing")


class Unloaded(Frozen):
    """Nothing is loaded now."""

    kind: Literal["unloaded"] = "unloaded"
    id: int


class Step(Frozen):
    """`step` (1 = first done) of `total_steps`, of image `image` (0-indexed).

    Steps of sampling, tiles of an upscaling over all its repeats, or tensors of a conversion.
    """

    kind: Literal["step"] = "step"
    id: int
    step: int
    total_steps: int
    image: int
    images: int


class Resumed(Frozen):
    """All graphs of the journal were replayed: from here on the job is computed."""

    kind: Literal["resumed"] = "resumed"
    id: int
    graphs: int


class PreviewFrame(Frozen):
    """A preview, as base64 JPEG."""

    kind: Literal["preview"] = "preview"
    id: int
    step: int
    frame_count: int
    width: int
    height: int
    is_noisy: bool
    mode: str
    interval: int = Field(description="Steps since the preview before")
    jpeg: str


class MadeImage(Frozen):
    """One written file."""

    file: str
    seed: int
    width: int
    height: int


class LoraOutcome(Frozen):
    """What became of a LoRA: how many of its tensors acted, of how many that the engine told of."""

    path: str
    applied: int
    seen: int
    unread: str | None = Field(None, description="Why the file could not be read, in the engine's words")


class Generated(Frozen):
    """All files of a job are written in its folder."""

    kind: Literal["generated"] = "generated"
    id: int
    images: list[MadeImage]
    seconds: float = Field(description="Inside the engine's call")
    write_seconds: float
    warnings: list[str] = Field([], description="Pictures of one single colour")
    loras: list[LoraOutcome] = []
    previews: int = Field(0, description="How many were computed")
    more_files: list[str] = Field([], description="What is written beside the images")


class Partial(Frozen):
    """So much of a job is written; it stays if the job is cancelled now. Told where keep_finished is set."""

    kind: Literal["partial"] = "partial"
    id: int
    made: Generated


class VideoGenerated(Frozen):
    """All files of a video are written in its folder."""

    kind: Literal["video_generated"] = "video_generated"
    id: int
    files: list[str] = Field(description="The video, then its frames")
    seconds: float = Field(description="Inside the engine's call")
    write_seconds: float
    warnings: list[str] = Field([], description="Pictures of one single colour")
    loras: list[LoraOutcome] = []
    previews: int = Field(0, description="How many were computed")


class UpscalerReady(Frozen):
    """The upscaler is in memory."""

    kind: Literal["upscaler_ready"] = "upscaler_ready"
    id: int
    upscale_factor: int
    seconds: float


class Upscaled(Frozen):
    """The picture is written."""

    kind: Literal["upscaled"] = "upscaled"
    id: int
    file: str
    width: int
    height: int
    seconds: float
    write_seconds: float
    warnings: list[str] = Field([], description="Of a picture of one single colour, if it was not so before")


class Converted(Frozen):
    """The model is written."""

    kind: Literal["converted"] = "converted"
    id: int
    seconds: float


Report = Annotated[
    Hello
    | Unusable
    | Log
    | LoadStep
    | Loaded
    | Unloaded
    | Step
    | Resumed
    | PreviewFrame
    | Generated
    | Partial
    | VideoGenerated
    | UpscalerReady
    | Upscaled
    | Converted
    | Refused,
    Field(discriminator="kind"),
]

COMMAND: TypeAdapter[Command] = TypeAdapter(Command, config=LATE)
REPORT: TypeAdapter[Report] = TypeAdapter(Report, config=LATE)
