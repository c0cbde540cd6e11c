"""Fields that nobody knows are told wherever they stand in a request."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sdcpp_restapi import schemas
from sdcpp_restapi.schemas.base import Request
from sdcpp_restapi.schemas.generation import LoraUse, Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.video import Txt2VidRequest


class Part(Request):
    size: int = 1


class Whole(Request):
    name: str = ""
    part: Part = Part()
    parts: list[Part] = []
    pairs: list[list[Part]] = []
    named: dict[str, Part] = {}


def test_they_are_named_with_their_place_in_objects_lists_and_lists_of_lists() -> None:
    whole = Whole.model_validate(
        {
            "z": 1,
            "part": {"a": 1},
            "parts": [{"size": 2}, {"b": 1, "size": 3}],
            "pairs": [[{}, {"c": 1}]],
            "named": {"left": {"d": 1}},
        }
    )
    assert whole.unknown_fields() == ["z", "part.a", "parts.1.b", "pairs.0.1.c", "named.left.d"]
    assert whole.known().unknown_fields() == []
    assert [part.size for part in whole.known().parts] == [2, 3]
    assert whole.known().model_extra == {}


def test_fields_that_were_not_given_are_not_given_afterwards() -> None:
    whole = Whole.model_validate({"parts": [{"b": 1}], "what": 1}).known()
    assert whole.model_fields_set == {"parts"}
    assert whole.parts[0].model_fields_set == set()


@pytest.mark.parametrize("kind", [Txt2ImgRequest, Txt2VidRequest])
def test_those_of_loras_and_of_a_models_options_are_told(kind: type[Request]) -> None:
    request = kind.model_validate(
        {
            "prompt": "a",
            "loras": [{"name": "x"}, {"name": "y", "wieght": 0.5}],
            "model": {"model_name": "m", "vea": "v", "options": {"threads": 1}},
        }
    )
    assert request.warn_of_unknown_fields() == [
        "unknown field 'loras.1.wieght' was ignored",
        "unknown field 'model.vea' was ignored",
        "unknown field 'model.options.threads' was ignored",
    ]


def test_those_of_a_loads_options_are_told() -> None:
    request = LoadRequest.model_validate({"model_name": "m", "options": {"n_thread": 1}})
    assert request.unknown_fields() == ["options.n_thread"]


@pytest.mark.parametrize("name", ["weight", "multiplier", "strength", "scale", "model_strength"])
def test_a_loras_weight_has_the_spellings_of_other_tools(name: str) -> None:
    lora = LoraUse.model_validate({"name": "a", name: 0.5})
    assert (lora.weight, lora.unknown_fields()) == (0.5, [])
    assert lora.known() == LoraUse(name="a", weight=0.5)


@pytest.mark.parametrize(
    ("given", "weight", "unknown"),
    [
        ({"weight": 0.5, "multiplier": 2}, 0.5, ["multiplier"]),
        ({"weight": None, "strength": 2}, 2, []),
        ({"multiplier": None}, 1, []),
        ({"strength": 0, "scale": 2}, 0, ["scale"]),
    ],
)
def test_of_two_weights_one_acts_and_the_other_is_told(
    given: dict[str, Any], weight: float, unknown: list[str]
) -> None:
    lora = LoraUse.model_validate({"name": "a", **given})
    assert (lora.weight, lora.unknown_fields()) == (weight, unknown)


@pytest.mark.parametrize("value", ["much", True, float("inf")])
def test_another_spelling_has_the_rules_of_the_weight(value: object) -> None:
    with pytest.raises(ValueError, match="weight"):
        LoraUse.model_validate({"name": "a", "multiplier": value})


def test_no_object_inside_of_a_request_drops_fields_in_silence() -> None:
    for module in pkgutil.iter_modules(schemas.__path__):
        importlib.import_module(f"{schemas.__name__}.{module.name}")
    silent = [
        f"{request.__name__}.{name}"
        for request in _requests(Request)
        for name, field in request.model_fields.items()
        for inner in _models_in(field.annotation)
        if not issubclass(inner, Request)
    ]
    assert silent == []


def _requests(base: type[Request]) -> Iterator[type[Request]]:
    for one in base.__subclasses__():
        yield one
        yield from _requests(one)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
