"""The parameters of what the assistant may propose: one class an action, whose docstring the language model
reads."""

from typing import Annotated, Literal, Self, get_origin

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .base import Frozen, LeftOut, Request
from .conversion import ConvertRequest
from .downloads import DownloadRequest, SourceName
from .generation import GenerationRequest, Img2ImgRequest, Txt2ImgRequest
from .jobs import JobStatus, JobType
from .model_types import Component, ModelType
from .models import LoadRequest
from .upscaling import UpscalerRequest
from .video import Txt2VidRequest
from .webhooks import WebhookFields

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0)]

# What can be made from words alone; pictures are put into the form with set_image.
GENERATIONS: dict[str, type[Txt2ImgRequest] | type[Txt2VidRequest]] = {
    "txt2img": Txt2ImgRequest,
    "txt2vid": Txt2VidRequest,
}
# The fields of the form that have one value, each with a request that has it and checks its value.
_FORMS: tuple[type[GenerationRequest], ...] = (*GENERATIONS.values(), Img2ImgRequest)
SETTINGS = {
    name: shape
    for shape in _FORMS
    for name, field in shape.model_fields.items()
    if not (name.endswith("_base64") or field.exclude) and get_origin(field.annotation) is not list
}
_REQUIRED = {"prompt": "x", "init_image_base64": "x"}


def _known(name: str) -> str:
    if name not in SETTINGS:
        raise ValueError(f"there is no setting {name!r}")
    return name


SettingName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(SETTINGS)})]


class Parameters(Frozen):
    """The parameters of an action; a language model that makes others up is told so."""

    model_config = ConfigDict(extra="forbid")

    def request(self) -> Request | None:
        """The body of the request that carries the action out, where that is one."""
        return None


class _Open(Parameters):
    """Takes all fields of its request; those that are declared are the ones a language model is told of."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _tells_nobody(self) -> Self:
        # What a language model reads may try to have jobs sent to strangers.
        if told := WebhookFields.model_fields.keys() & (self.model_extra or {}).keys():
            raise ValueError(f"{', '.join(sorted(told))}: only a request of the user may have a webhook")
        return self


class SetSetting(Parameters):
    """Set one field of the form on the create page, e.g. steps, cfg_scale or sampler."""

    name: SettingName
    value: bool | int | float | str

    @field_validator("value")
    @classmethod
    def _fits_its_field(cls, value: object, info: ValidationInfo) -> object:
        if "name" not in info.data:
            return value
        name: str = info.data["name"]
        try:
            return getattr(SETTINGS[name].model_validate({**_REQUIRED, name: value}), name)
        except ValidationError as error:
            raise ValueError(f"{value!r} is not allowed for {name}: {error.errors()[0]['msg']}") from None


class Generate(_Open):
    """Make pictures, or a video, with the loaded model."""

    prompt: Text
    type: Literal["txt2img", "txt2vid"] = "txt2img"
    negative_prompt: str | None = LeftOut
    width: Count | None = LeftOut
    height: Count | None = LeftOut
    steps: Count | None = LeftOut
    cfg_scale: Annotated[float, Field(ge=0)] | None = LeftOut
    seed: int | None = LeftOut
    batch_count: Count | None = LeftOut
    video_frames: Count | None = LeftOut

    def request(self) -> Txt2ImgRequest | Txt2VidRequest:
        """See Parameters."""
        fields = self.model_dump(exclude_none=True, exclude={"type"})
        return GENERATIONS[self.type].model_validate({"use_architecture_defaults": True, **fields})


class LoadModel(_Open):
    """Load a model from the list of available models."""

    model_name: Text

    def request(self) -> LoadRequest:
        """See Parameters."""
        return LoadRequest.model_validate(self.model_dump(exclude_none=True))


class SetComponent(Parameters):
    """Choose a component (VAE, text encoder, ...) for the next load of the model."""

    component: Component
    model_name: Text


class UnloadModel(Parameters):
    """Free the loaded model."""


class RefreshModels(Parameters):
    """Look for new model files on disk."""


class LoadUpscaler(Parameters):
    """Load an upscaler (ESRGAN model)."""

    model_name: Text

    def request(self) -> UpscalerRequest:
        """See Parameters."""
        return UpscalerRequest(model_name=self.model_name)


class UnloadUpscaler(Parameters):
    """Free the loaded upscaler."""


class Upscale(Parameters):
    """Enlarge a picture of a finished job with the loaded upscaler."""

    job_id: Text
    image: int = Field(0, ge=0, description="Which of the job's pictures, 0 = first")
    upscale_factor: int = Field(4, ge=1, le=16)


class ConvertModel(Parameters):
    """Write a model file in another type, e.g. q8_0."""

    input_path: Text
    output_type: Text
    output_path: str | None = LeftOut

    def request(self) -> ConvertRequest:
        """See Parameters."""
        return ConvertRequest.model_validate(self.model_dump(exclude_none=True))


class DownloadModel(Parameters):
    """Download a model from an address, CivitAI or Hugging Face."""

    model_type: ModelType
    source: SourceName | None = LeftOut
    url: str | None = LeftOut
    model_id: str | None = LeftOut
    repo_id: str | None = LeftOut
    filename: str | None = LeftOut

    def request(self) -> DownloadRequest:
        """See Parameters."""
        return DownloadRequest.model_validate(self.model_dump(exclude_none=True))


class CancelJob(Parameters):
    """Cancel a job that waits or runs."""

    job_id: Text


class GetJob(Parameters):
    """Look at one job: its state, parameters, files and error."""

    job_id: Text


class SearchJobs(Parameters):
    """Find jobs by words of their prompt, by state or type."""

    search: str | None = LeftOut
    status: JobStatus | None = LeftOut
    type: JobType | None = LeftOut


class LoadJobModel(Parameters):
    """Load the model that a job was made with."""

    job_id: Text


class SetImage(Parameters):
    """Put a picture of a finished job into the form."""

    target: Literal["init_image", "mask_image", "control_image", "end_image", "ref_images", "upscale"]
    job_id: Text
    image: int = Field(0, ge=0, description="Which of the job's pictures, 0 = first")


class ApplyRecommendedSettings(Parameters):
    """Set the form to what suits the loaded model."""


class Navigate(Parameters):
    """Open a view of the page."""

    view: Literal["create", "gallery", "models", "assistant", "system"]


class HighlightSetting(Parameters):
    """Show the user where a field of the form is."""

    name: SettingName


class AskUser(Parameters):
    """Ask the user a question when something needed is not known."""

    question: Text
    options: list[str] = []
