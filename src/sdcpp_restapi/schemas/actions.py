"""What the assistant may propose, what it made up, and what the server did for it."""

from typing import Any, Literal

from . import action_parameters as of
from .action_parameters import Parameters
from .base import Frozen, LeftOut

ActionType = Literal[
    "set_setting",
    "generate",
    "load_model",
    "set_component",
    "unload_model",
    "refresh_models",
    "load_upscaler",
    "unload_upscaler",
    "upscale",
    "convert_model",
    "download_model",
    "cancel_job",
    "get_job",
    "search_jobs",
    "load_job_model",
    "set_image",
    "apply_recommended_settings",
    "navigate",
    "highlight_setting",
    "ask_user",
]

PARAMETERS: dict[ActionType, type[Parameters]] = {
    "set_setting": of.SetSetting,
    "generate": of.Generate,
    "load_model": of.LoadModel,
    "set_component": of.SetComponent,
    "unload_model": of.UnloadModel,
    "refresh_models": of.RefreshModels,
    "load_upscaler": of.LoadUpscaler,
    "unload_upscaler": of.UnloadUpscaler,
    "upscale": of.Upscale,
    "convert_model": of.ConvertModel,
    "download_model": of.DownloadModel,
    "cancel_job": of.CancelJob,
    "get_job": of.GetJob,
    "search_jobs": of.SearchJobs,
    "load_job_model": of.LoadJobModel,
    "set_image": of.SetImage,
    "apply_recommended_settings": of.ApplyRecommendedSettings,
    "navigate": of.Navigate,
    "highlight_setting": of.HighlightSetting,
    "ask_user": of.AskUser,
}

# What the server may do by itself when it is asked to (`execute: true`): nothing that loses something,
# fills a disk, or is the page's to do.
SAFE: frozenset[ActionType] = frozenset(
    {
        "generate",
        "load_model",
        "refresh_models",
        "load_upscaler",
        "upscale",
        "cancel_job",
        "get_job",
        "search_jobs",
    }
)


class Action(Frozen):
    """Something to do, checked."""

    type: ActionType
    parameters: dict[str, Any] = {}

    def typed(self) -> Parameters:
        """The parameters as an object of their class."""
        return PARAMETERS[self.type].model_validate(self.parameters)


class RejectedAction(Frozen):
    """Something that the language model wanted and that does not exist or does not make sense."""

    type: str
    parameters: dict[str, Any] = {}
    reason: str


class ExecutedAction(Action):
    """What the server did by itself, and what came of it."""

    success: bool
    result: dict[str, Any] | None = LeftOut
    error: str | None = LeftOut
