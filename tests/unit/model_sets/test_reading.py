"""Files of sets: what is wrong with one is told with its place."""

import pytest

from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.model_sets.reading import parse_set

GOOD = """
name = "mine"
title = "Mine"
summary = "Draws."
makes = "images"
[license]
name = "MIT"
url = "https://example.com"
[[variants]]
name = "only"
[[variants.files]]
part = "model"
type = "checkpoint"
repo_id = "org/name"
filename = "a.gguf"
save_as = "a.gguf"
size = 5
"""


def test_a_good_one_is_read() -> None:
    assert parse_set(GOOD).variants[0].files[0].place == "org/name/a.gguf"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('name = "mine"', 'name = "../mine"'), "name: String should match pattern"),
        (('title = "Mine"', 'titel = "Mine"'), "titel: Extra inputs are not permitted"),
        (('makes = "images"', 'makes = "coffee"'), "makes: Input should be"),
        (('type = "checkpoint"', 'type = "sofa"'), "variants.0.files.0.type: Input should be"),
        (('repo_id = "org/name"\n', ""), "exactly one of model_id, repo_id, url must be given"),
        (("size = 5", ""), "size or about must be given"),
        (('filename = "a.gguf"', 'filename = "../a.gguf"'), "it leads out of the folder"),
        (('save_as = "a.gguf"', 'save_as = "a.exe"'), "is not the name of a model"),
        (("[license]", "[load_options]\nn_threads = -7\n[license]"), "n_threads"),
        (("[license]", '[[files]]\npart = "model"\ntype = "vae"\nurl = "https://x"\nsource = "url"\n'
                       'save_as = "b.gguf"\nsize = 1\n[license]'), "two files are the same part"),
        (('name = "mine"', "name = "), "this is not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(change: tuple[str, str], told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_set(GOOD.replace(*change))
    assert told in str(refused.value)
