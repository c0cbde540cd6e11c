"""The sets of the package say what is so: names, types, architectures, options, samplers."""

import re

import pytest

from sdcpp_restapi.downloads.file_names import parse_model_name
from sdcpp_restapi.engine.binding.names import DEFAULT_REVISION, NAMES
from sdcpp_restapi.model_sets.library import read_built_in
from sdcpp_restapi.models import architectures
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.model_sets import ModelSet, SetFile
from sdcpp_restapi.schemas.model_types import COMPONENTS
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.video import Txt2VidRequest

SETS = read_built_in()
FILES = [
    pytest.param(file, id=f"{one.name}-{variant.name}-{file.save_as}")
    for one in SETS
    for variant in one.variants
    for file in one.files_of(variant)
]
each_set = pytest.mark.parametrize("one", [pytest.param(one, id=one.name) for one in SETS])


def test_each_has_a_name_of_its_own() -> None:
    assert len({one.name for one in SETS}) == len(SETS)


@each_set
def test_architecture_options_and_defaults_exist(one: ModelSet) -> None:
    loaded = any(file.part == "model" for file in one.files_of(one.variants[0]))
    assert (one.architecture is not None) == loaded
    if one.architecture is not None:
        assert architectures.find_by_name(one.architecture) is not None
    assert set(one.load_options) <= set(LoadOptions.model_fields)
    shape = Txt2VidRequest if one.makes == "videos" else Txt2ImgRequest
    assert set(one.defaults) <= set(shape.model_fields)
    made = shape.model_validate({"prompt": "a cat", **one.defaults})
    names = NAMES[DEFAULT_REVISION]
    assert made.sampler in names.samplers
    assert made.scheduler in names.schedulers


@each_set
def test_summaries_are_one_or_two_sentences(one: ModelSet) -> None:
    assert 1 <= len(re.findall(r"[.;](?:\s|$)", one.summary)) <= 3
    assert one.summary.endswith(".")


@each_set
def test_variants_are_ordered_from_large_to_small(one: ModelSet) -> None:
    if one.name == "sd15":  # f32 is twice as large and draws the same
        return
    sizes = [sum(file.likely_size for file in one.files_of(variant)) for variant in one.variants]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("file", FILES)
def test_a_file_has_a_model_name_and_the_type_of_its_part(file: SetFile) -> None:
    parse_model_name("save_as", file.save_as)
    assert "/" not in file.save_as
    if file.part == "model":
        assert file.type in ("checkpoint", "diffusion")
    elif file.part is not None:
        assert file.type in COMPONENTS[file.part].types
    assert (file.size is None) != (file.about is None)


def test_files_of_the_same_name_are_the_same_file_so_that_sets_share_them() -> None:
    seen: dict[tuple[str, str], SetFile] = {}
    for one in SETS:
        for variant in one.variants:
            for file in one.files_of(variant):
                assert seen.setdefault((file.type, file.save_as), file) == file
