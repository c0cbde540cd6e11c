"""What a machine must have to run a job."""

from typing import Any

import pytest

from sdcpp_restapi.models.required_files import required_files_of
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions, LoadRequest
from sdcpp_restapi.schemas.required_files import RequiredFiles

MODEL = LoadRequest(model_name="m.gguf")
NEWER = ("2bb7294", "3f8527a")


def engines(model: LoadRequest = MODEL, **fields: Any) -> tuple[str, ...]:
    return required_files_of(Txt2ImgRequest(prompt="a cat", **fields), model, None).engines


def test_a_job_runs_on_any_engine_unless_it_says_otherwise() -> None:
    assert engines() == engines(engine="any") == ()
    assert engines(engine="487DE75") == ("487de75",)


def test_a_job_with_a_name_that_some_revisions_do_not_know_runs_on_those_that_do() -> None:
    assert engines(scheduler="llada_image") == NEWER
    later = MODEL.model_copy(update={"options": LoadOptions(prediction="sensenova_u1_flow")})
    assert engines(later) == required_files_of(None, later, None).engines == NEWER


@pytest.mark.parametrize(
    ("commits", "allowed"),
    [
        (("2bb7294",), True),
        (("2bb7294a1",), True),
        (("487de75",), False),
        ((None,), False),
        (("x", "2bb7294"), True),
    ],
)
def test_an_engine_is_allowed_by_either_of_its_commits(
    commits: tuple[str | None, ...], allowed: bool
) -> None:
    assert RequiredFiles(engines=("2bb7294",)).allow_engine(*commits) is allowed
    assert RequiredFiles().allow_engine(*commits)
