"""Requests of Ollama's clients become requests of ours."""

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError

from sdcpp_restapi.compat.ollama.shapes import GenerateBody
from sdcpp_restapi.compat.ollama.translate import (
    Translated,
    fit_size,
    takes_references,
    translate,
)
from sdcpp_restapi.schemas.inspection import ModelFacts, Network


def translated(edits: bool = False, size: tuple[int, int] | None = None, **fields: Any) -> Translated:
    return translate(GenerateBody(model="m", **{"prompt": "a cat", **fields}), edits, size)


def test_what_is_left_out_or_0_is_left_to_the_architecture() -> None:
    request = translated(width=0, steps=0, options={"seed": 0}).request
    assert request.model_fields_set == {"prompt", "model", "use_architecture_defaults"}
    assert request.use_architecture_defaults


def test_options_may_be_any_field_of_a_request() -> None:
    request = translated(steps=3, options={"seed": 5, "cfg_scale": 2, "sampler": "euler"}).request
    assert (request.seed, request.cfg_scale, request.sampler, request.steps) == (5, 2.0, "euler", 3)


def test_pictures_are_references_of_models_that_edit_and_the_beginning_of_others() -> None:
    edit = translated(edits=True, images=["a", "b"], size=(96, 64))
    assert (edit.job_type, edit.request.ref_images) == ("txt2img", ["a", "b"])
    image = translated(images=["a"], size=(96, 64), options={"strength": 0.5})
    assert image.job_type == "img2img"
    assert (image.request.width, image.request.height) == (96, 64)
    assert image.request.model_dump()["strength"] == 0.5


def test_a_size_that_is_given_goes_before_that_of_the_picture() -> None:
    request = translated(images=["a"], size=(96, 64), width=128).request
    assert (request.width, request.height) == (128, 64)


def test_a_large_picture_is_made_as_large_as_models_are_made_for() -> None:
    assert fit_size(4000, 3000) == (1184, 888)
    assert fit_size(64, 80) == (64, 80)


def test_what_does_not_act_is_told() -> None:
    fields: dict[str, Any] = {
        "options": {"top_k": 3},
        "system": "x",
        "raw": False,
        "typo": 1,
    }
    assert translated(**fields).warnings == [
        "options.top_k was ignored: image models do not have it",
        "system was ignored: only language models have it",
        "unknown field 'typo' was ignored",
    ]
    assert translated(options={"batch_count": 2}).warnings == [
        "options.batch_count: the answer has the first picture only; the job has all"
    ]


def test_a_bad_value_is_refused() -> None:
    with pytest.raises(RequestValidationError):
        translated(options={"seed": "seven"})


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), ("", None), ("0", 0), ("1h30m", 5400), (-60, -1)]
)
def test_keep_alive_goes_to_the_job(value: float | str | None, seconds: float | None) -> None:
    assert translated(keep_alive=value).request.keep_alive == seconds


def test_models_that_edit_are_known_by_their_architecture_and_their_channels() -> None:
    def facts(architecture: str | None, channels: int = 4) -> ModelFacts:
        network = Network(kind="diffusion", traits={"input_channels": channels})
        return ModelFacts(architecture=architecture, contains=[network])

    assert takes_references(facts("Flux.2 klein"))
    assert takes_references(facts("SD1.5", 8))
    assert not takes_references(facts("SD1.5"))
    assert not takes_references(facts("SD1.5", 9))
    assert not takes_references(facts("SD3"))
    assert not takes_references(facts(None))
