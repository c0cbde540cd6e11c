"""Jobs that end in a video."""

from collections.abc import Callable

from ...schemas.engine import GenerateVideo, Report, VideoGenerated
from ...schemas.jobs import Outcome
from ...schemas.models import LoadRequest
from ...schemas.video import Txt2VidRequest
from .generation import GenerationTask, publish_files


class VideoTask(GenerationTask):
    """txt2vid."""

    def command(self) -> Callable[[int], GenerateVideo]:
        """The command, once it has the id of its call."""
        params, model = self._stamped()
        prompts = self._prompts
        assert prompts is not None
        return lambda call_id: GenerateVideo(
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
        )

    async def publish(self, made: Report, told: list[str]) -> Outcome:
        """The files appear; `told` are warnings of the load."""
        assert isinstance(made, VideoGenerated)
        params, model = self._stamped()
        return await publish_files(
            self._job,
            self._folder,
            made.files,
            {"generate_seconds": made.seconds, "write_seconds": made.write_seconds},
            {"model": model.model_dump(mode="json", exclude_none=True), "seeds": [params.seed]},
            [*told, *await self.warn_of_loras(made.loras), *made.warnings],
        )

    def _stamped(self) -> tuple[Txt2VidRequest, LoadRequest]:
        assert isinstance(self._job.params, Txt2VidRequest)
        assert self._job.model is not None
        return self._job.params, self._job.model
