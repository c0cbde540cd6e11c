"""Models under the web UI's names."""

import pytest

from sdcpp_restapi.compat.a1111.checkpoints import find_by_name, title_of
from sdcpp_restapi.errors import BadRequest
from tests.unit.compat.a1111.entries import SHA256, entry

HASHED = entry("folder/Dream Shaper.safetensors", hash=SHA256)
PLAIN = entry("dream.gguf")
MODELS = [HASHED, PLAIN, entry("other.ckpt", "diffusion")]


def test_a_title_has_the_beginning_of_the_hash_once_it_is_known() -> None:
    assert title_of(HASHED) == "folder/Dream Shaper.safetensors [0123456789]"
    assert title_of(PLAIN) == "dream.gguf"


@pytest.mark.parametrize(
    "name",
    [
        "folder/Dream Shaper.safetensors [0123456789]",
        "folder/dream shaper.SAFETENSORS",
        "folder/Dream Shaper",
        "Dream Shaper.safetensors",
        "dream shaper",
        "Dream Shaper [ffffffffff]",
        "0123456789",
        SHA256,
        "Shap",
    ],
)
def test_a_model_is_found_by_title_file_name_hash_and_a_part_of_it(name: str) -> None:
    assert find_by_name("field", name, MODELS) is HASHED


def test_the_whole_name_goes_before_a_part_of_another() -> None:
    assert find_by_name("field", "dream", MODELS) is PLAIN


@pytest.mark.parametrize("name", ["nothing", "", " "])
def test_another_name_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(BadRequest, match=r"field: .* was not found; there are folder/Dream.*other.ckpt"):
        find_by_name("field", name, MODELS)


def test_a_name_in_two_folders_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"may be x.gguf \(checkpoint\), x.gguf \(diffusion\)"):
        find_by_name("field", "x", [entry("x.gguf"), entry("x.gguf", "diffusion")])


def test_a_long_list_is_cut_off() -> None:
    with pytest.raises(BadRequest, match="and 5 more"):
        find_by_name("field", "y", [entry(f"{number}.gguf") for number in range(25)])
