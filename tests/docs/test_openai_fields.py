"""The page about OpenAI's API tells what becomes of every field that its client library can send."""

import pytest
from openai.types import (
    completion_create_params,
    image_create_variation_params,
    image_edit_params,
    image_generate_params,
    video_create_params,
)
from openai.types.chat import completion_create_params as chat_params

from sdcpp_restapi.compat.openai.chat_schemas import ChatBody, CompletionBody
from sdcpp_restapi.compat.openai.image_schemas import WITHOUT_EFFECT, ImageBody
from sdcpp_restapi.compat.openai.video_schemas import VideoBody
from sdcpp_restapi.schemas.base import Request
from tests.docs.markdown import read_code, read_rows
from tests.docs.source_tree import ROOT

PAGE = ROOT / "docs/clients/openai.md"
# Table -> what the client can send, and the shape that takes it.
TABLES: dict[str, tuple[list[type], type[Request]]] = {
    "images": (
        [
            image_generate_params.ImageGenerateParamsBase,
            image_edit_params.ImageEditParamsBase,
            image_create_variation_params.ImageCreateVariationParams,
        ],
        ImageBody,
    ),
    "videos": ([video_create_params.VideoCreateParams], VideoBody),
    "chat": ([chat_params.CompletionCreateParamsBase], ChatBody),
    "completions": ([completion_create_params.CompletionCreateParamsBase], CompletionBody),
}


def told(table: str) -> dict[str, str]:
    """Field -> acts, told or refused."""
    heading = f"Field of {table}"
    return {name: row["Fate"] for row in read_rows(PAGE, heading) for name in read_code(row[heading])}


@pytest.mark.parametrize("table", TABLES)
def test_every_field_of_the_client_library_is_told(table: str) -> None:
    params, shape = TABLES[table]
    sent = {name for kind in params for name in kind.__annotations__}
    assert sent - set(told(table)) == set()
    assert set(shape.model_fields) - set(told(table)) == set()


def test_what_has_no_effect_on_images_is_told_and_nothing_else() -> None:
    fates = told("images")
    assert {name for name, fate in fates.items() if fate == "told"} == WITHOUT_EFFECT.keys()
    assert set(fates.values()) == {"acts", "told", "refused"}
