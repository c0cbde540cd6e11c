"""The table of model types and components, and the classes that document the same names for clients."""

from typing import get_args

from sdcpp_restapi.config import Settings
from sdcpp_restapi.schemas import model_types
from sdcpp_restapi.schemas.model_types import COMPONENTS, MODEL_TYPES
from sdcpp_restapi.schemas.models import (
    DetailedModelList,
    LoadedComponents,
    LoadRequest,
    ModelEntry,
    ModelList,
    ModelPaths,
)


def test_every_type_has_a_row_and_every_component_too() -> None:
    assert set(MODEL_TYPES) == set(get_args(model_types.ModelType))
    assert set(COMPONENTS) == set(get_args(model_types.Component))
    assert {kind for component in COMPONENTS.values() for kind in component.types} <= set(MODEL_TYPES)


def test_main_types_are_those_that_are_loaded_as_a_model() -> None:
    main = {row.type for row in MODEL_TYPES.values() if row.loaded_as == "model"}
    assert main == set(get_args(model_types.MainType))
    assert main == {row.type for row in MODEL_TYPES.values() if row.ctx_field}


def test_every_type_has_a_list_and_a_folder_in_the_answers() -> None:
    lists = {name for name, field in ModelList.model_fields.items() if field.annotation == list[ModelEntry]}
    assert lists == {row.plural for row in MODEL_TYPES.values()}
    assert set(DetailedModelList.model_fields) == set(ModelList.model_fields)
    assert set(ModelPaths.model_fields) == {row.path_key for row in MODEL_TYPES.values()}


# Fields of a load that name no file besides the main one.
NO_COMPONENTS = {"model_name", "model_type", "options", "keep_alive"}


def test_every_component_is_a_field_of_requests_and_answers() -> None:
    assert set(LoadRequest.model_fields) - NO_COMPONENTS == set(COMPONENTS)
    assert set(LoadedComponents.model_fields) == set(COMPONENTS)


def test_every_type_has_a_folder_of_its_own() -> None:
    assert len({*Settings().paths.model_folders().values()}) == len(MODEL_TYPES)
