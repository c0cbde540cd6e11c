"""Sentences of our own API, told to clients of the web UI's."""

import pytest

from sdcpp_restapi.compat.a1111.errors import rename_fields


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("strength: 2 is not allowed", "denoising_strength: 2 is not allowed"),
        ("hires_width and hires_height: the size", "hr_resize_x and hr_resize_y: the size"),
        ("eta has no effect with sampler euler", "eta has no effect with sampler_name euler"),
        ("prompt: <strength> is no tag", "prompt: <strength> is no tag"),
        ("control_strength has no effect", "controlnet weight has no effect"),
        ("seed: 5 is not allowed", "seed: 5 is not allowed"),
    ],
)
def test_fields_have_the_clients_names_and_what_the_client_wrote_stays(ours: str, theirs: str) -> None:
    assert rename_fields(ours) == theirs
