"""Units of the ControlNet extension in requests."""

from typing import Any

import pytest

from sdcpp_restapi.compat.a1111.controlnet import read_control
from sdcpp_restapi.errors import BadRequest

UNIT: dict[str, Any] = {"image": "aGk=", "model": "canny [abc]", "weight": 0.5}
# The rest of what the Python client `webuiapi` sends with each unit.
CLIENT: dict[str, Any] = {
    "mask": None, "module": "none", "resize_mode": "Just Resize", "low_vram": False, "processor_res": 512,
    "threshold_a": 64, "threshold_b": 64, "guidance_start": 0.0, "guidance_end": 1.0,
    "control_mode": "Balanced", "pixel_perfect": False, "hr_option": "Both", "enabled": True,
}  # fmt: skip


def scripts(*units: object, name: str = "ControlNet") -> dict[str, Any]:
    return {name: {"args": list(units)}}


def test_a_unit_is_read_and_what_a_client_sends_by_default_needs_no_word() -> None:
    control = read_control(scripts(UNIT | CLIENT), None)
    assert control == ("aGk=", "canny [abc]", 0.5, 0, [])


@pytest.mark.parametrize(
    "unit",
    [
        {"input_image": "aGk="},
        {"image": {"image": "aGk=", "mask": None}},
        {"image": "aGk=", "lowvram": True, "guidance": 1},
    ],
)
def test_older_spellings_are_read(unit: dict[str, Any]) -> None:
    control = read_control(scripts(unit, name="controlnet"), None)
    assert control is not None
    assert (control.image, control.model, control.told) == ("aGk=", None, [])


def test_without_a_picture_the_init_image_is_followed() -> None:
    control = read_control(scripts({"model": "x"}), "init")
    assert control is not None
    assert control.image == "init"


@pytest.mark.parametrize(
    "given",
    [{}, scripts(), scripts(None, False), scripts({"enabled": False}), {"ADetailer": {"args": [True]}}],
)
def test_no_unit_that_is_on_asks_for_nothing(given: dict[str, Any]) -> None:
    assert read_control(given, None) is None


@pytest.mark.parametrize(("mode", "number"), [(1, 1), ("Crop and Resize", 1), ("Envelope (Outer Fit)", 2)])
def test_resize_modes_have_numbers_and_names(mode: str | int, number: int) -> None:
    control = read_control(scripts(UNIT | {"resize_mode": mode}), None)
    assert control is not None
    assert control.resize_mode == number


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"module": "canny"}, "controlnet module has no effect"),
        ({"mask": "aGk="}, "controlnet mask has no effect"),
        ({"guidance_start": 0.2}, "controlnet guidance_start has no effect"),
        ({"guidance_end": 0.8}, "controlnet guidance_end has no effect"),
        ({"control_mode": 1}, "controlnet control_mode has no effect"),
        ({"hr_option": "Low res only"}, "controlnet hr_option has no effect"),
        ({"weight": 1.5}, "controlnet weight: 1.5 became 1"),
        ({"nonsense": 1}, "controlnet: unknown field 'nonsense' was ignored"),
    ],
)
def test_what_does_nothing_is_told(more: dict[str, Any], told: str) -> None:
    control = read_control(scripts(UNIT | more), None)
    assert control is not None
    (sentence,) = control.told
    assert told in sentence


@pytest.mark.parametrize(
    ("units", "refused"),
    [
        ([UNIT, UNIT], "2 units are not allowed"),
        ([{"model": "x"}], "a picture is required"),
        ([UNIT | {"weight": 3}], "controlnet weight: "),
        ([UNIT | {"guidance_start": 1, "guidance_end": 0}], "guidance_start: 1.0 is not allowed"),
        ([UNIT | {"resize_mode": 7}], "controlnet resize_mode: 7 is not allowed"),
        ([UNIT | {"image": {"image": 3}}], "controlnet image: it must be base64"),
        (["text"], "controlnet args: "),
    ],
)
def test_what_can_not_be_done_is_refused(units: list[object], refused: str) -> None:
    with pytest.raises(BadRequest, match=refused):
        read_control(scripts(*units), None)
