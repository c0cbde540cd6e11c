"""What becomes of the images of a request whose submission does not come to its end."""

import asyncio
from typing import Any

import pytest

from sdcpp_restapi.errors import StorageUnavailable
from sdcpp_restapi.jobs.input_images import StoredInputs
from sdcpp_restapi.jobs.submit.generation import CheckedGeneration, GenerationSubmission
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.required_files import NOTHING

REQUEST = Txt2ImgRequest(prompt="a cat")


class Inputs:
    """Images on the disk."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    async def store(self, _job_id: str, request: Txt2ImgRequest) -> StoredInputs[Txt2ImgRequest]:
        """As InputStore does."""
        return StoredInputs(request, [])

    async def remove(self, job_id: str) -> None:
        """As InputStore does."""
        self.removed.append(job_id)


class BrokenQueue:
    """Its submissions end so."""

    def __init__(self, end: BaseException) -> None:
        self._end = end

    async def submit(self, _job: object) -> int:
        """As Queue does."""
        raise self._end


class Submission(GenerationSubmission):
    """Of a request that was checked."""

    async def check(self, request: Any) -> CheckedGeneration:
        """It is fine."""
        model = LoadRequest(model_name="a.gguf", model_type="checkpoint")
        return CheckedGeneration(request, model, None, (64, 64), NOTHING, random_seed=False, warnings=[])


def build_submission(queue: Any, inputs: Any) -> Submission:
    unused: Any = dict.fromkeys(
        (
            "models",
            "engine",
            "upscaler",
            "wildcards",
            "branching",
            "library",
            "paths",
            "limits",
            "generation",
        )
    )
    return Submission(queue=queue, inputs=inputs, **unused)


async def test_they_stay_where_the_job_may_be_stored_although_the_client_is_gone() -> None:
    inputs = Inputs()
    with pytest.raises(asyncio.CancelledError):
        await build_submission(BrokenQueue(asyncio.CancelledError()), inputs).submit("txt2img", REQUEST)
    assert inputs.removed == []


async def test_they_are_removed_where_no_job_was_stored() -> None:
    inputs = Inputs()
    with pytest.raises(StorageUnavailable):
        await build_submission(BrokenQueue(StorageUnavailable("locked")), inputs).submit("txt2img", REQUEST)
    assert len(inputs.removed) == 1
