"""Requests of OpenAI's API become ours, and jobs become its answers."""

from typing import Any

import pytest
from PIL import Image

from sdcpp_restapi.api.error_handlers import validate
from sdcpp_restapi.compat.openai.chat_schemas import ChatBody, CompletionBody
from sdcpp_restapi.compat.openai.chat_translation import show_calls, translate_chat, translate_completion
from sdcpp_restapi.compat.openai.form_body import nest_fields
from sdcpp_restapi.compat.openai.image_schemas import EditBody, ImageBody
from sdcpp_restapi.compat.openai.image_stream import PartialImages
from sdcpp_restapi.compat.openai.image_translation import (
    GivenPictures,
    Translation,
    fit_size,
    in_their_names,
    translate_edit,
    translate_generation,
)
from sdcpp_restapi.compat.openai.model_names import ChosenModel
from sdcpp_restapi.compat.openai.pictures import look, read_picture
from sdcpp_restapi.compat.openai.video_schemas import VideoBody
from sdcpp_restapi.compat.openai.video_translation import count_frames, translate_video
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.models.architectures import find_by_name
from sdcpp_restapi.schemas.chat import ToolCall
from sdcpp_restapi.schemas.events import JobProgress

PICTURES = GivenPictures(["a", "b"], (640, 480))


def model(architecture: str | None, name: str = "x.gguf") -> ChosenModel:
    return ChosenModel(None, name, find_by_name(architecture) if architecture else None)


def generation(**fields: Any) -> Translation:
    return translate_generation(validate(ImageBody, {"prompt": "a cat", **fields}), model("SD1.5"), [])


def edit(chosen: ChosenModel, pictures: GivenPictures = PICTURES, **fields: Any) -> Translation:
    return translate_edit(validate(EditBody, {"prompt": "a cat", **fields}), pictures, chosen, [])


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1")], {"a": ["1"]}),
        ([("a[b]", "1"), ("a[c][d]", "2")], {"a": {"b": "1", "c": {"d": "2"}}}),
        (
            [("a[][n]", "1"), ("a[][n]", "2"), ("a[][w]", "3"), ("a[][w]", "4")],
            {"a": [{"n": "1", "w": "3"}, {"n": "2", "w": "4"}]},
        ),
        ([("a[", "1"), ("", "2")], {"a[": "1", "": "2"}),
        ([("a" + "[b]" * 5000, "1")], {"a" + "[b]" * 5000: "1"}),
    ],
)
def test_names_with_brackets_are_lists_and_objects(
    sent: list[tuple[str, object]], fields: dict[str, object]
) -> None:
    assert nest_fields(sent) == fields


def test_objects_of_a_list_that_lack_a_field_are_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        nest_fields([("loras[][name]", "a"), ("loras[][name]", "b"), ("loras[][weight]", "1")])
    assert refused.value.field == "loras"


# ---------------------------------------------------------------- images


def test_fields_that_do_nothing_are_told_but_not_those_that_leave_it_to_the_server() -> None:
    idle = {"quality": "high", "style": "vivid", "moderation": "auto", "output_compression": 50, "svg": {}}
    assert [text.partition(" ")[0] for text in generation(**idle, partial_images=1).warnings] == [
        *idle, "partial_images"
    ]  # fmt: skip
    assert generation(quality="auto", style=None, background="opaque").warnings == []


def test_our_own_fields_go_before_those_of_openai_and_that_is_told() -> None:
    translated = generation(n=2, batch_count=3, size="64x64", width=128)
    assert (translated.fields["batch_count"], translated.fields["width"]) == (3, 128)
    assert translated.warnings == ["n has no effect beside batch_count", "size has no effect beside width"]


def test_the_values_of_the_architecture_are_taken_unless_the_client_says_otherwise() -> None:
    assert generation().fields["use_architecture_defaults"] is True
    assert generation(use_architecture_defaults=False).fields["use_architecture_defaults"] is False


@pytest.mark.parametrize(
    ("architecture", "name", "references"),
    [
        ("Flux.2", "flux2.gguf", True),
        ("Flux", "flux1-kontext.gguf", True),
        ("Flux", "flux1-dev.gguf", False),
        ("Qwen-Image", "Qwen_Image_Edit.gguf", True),
        ("SD1.5", "edit.gguf", False),
        (None, "edit.gguf", False),
    ],
)
def test_models_that_edit_get_all_images_as_references(
    architecture: str | None, name: str, references: bool
) -> None:
    translated = edit(model(architecture, name))
    assert (translated.job_type == "txt2img") is references
    if references:
        assert translated.fields["ref_images"] == ["a", "b"]
        assert edit(model(architecture, name), strength=0.5).job_type == "img2img"
    else:
        assert translated.fields["init_image_base64"] == "a"
        assert "only the first of 2" in translated.warnings[0]
        assert edit(model(architecture, name), as_references=True).fields["ref_images"] == ["a", "b"]


def test_what_the_mask_opens_is_drawn_from_nothing_unless_a_strength_is_sent() -> None:
    masked = PICTURES._replace(mask="m")
    assert edit(model("SD1.5"), masked).fields["strength"] == 1.0
    assert edit(model("SD1.5"), masked, strength=0.3).fields["strength"] == 0.3
    assert edit(model("SD1.5"), PICTURES._replace(holes="h")).fields["mask_image_base64"] == "h"
    assert edit(model("Flux.2"), PICTURES._replace(holes="h")).job_type == "txt2img"
    both = edit(model("Flux.2"), masked)
    assert (both.job_type, both.fields["mask_image_base64"], len(both.fields["ref_images"])) == (
        "img2img", "m", 2
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "architecture", "fitted"),
    [
        ((640, 480), "SD1.5", (576, 448)),
        ((64, 64), "SD1.5", (64, 64)),
        ((4000, 10), "SD1.5", (3968, 64)),
        ((4000, 3000), "SDXL", (1152, 896)),
        ((100, 50), "MiniT2I", (512, 512)),
        ((30, 20), None, (32, 16)),
    ],
)
def test_a_picture_keeps_its_shape_in_the_pixels_of_the_architecture(
    size: tuple[int, int], architecture: str | None, fitted: tuple[int, int]
) -> None:
    assert fit_size(size, find_by_name(architecture) if architecture else None) == fitted


def test_a_mask_is_white_where_a_picture_is_transparent() -> None:
    assert look(Image.new("RGB", (4, 2))) == ((4, 2), None)
    assert look(Image.new("RGBA", (4, 2), (0, 0, 0, 255))) == ((4, 2), None)
    assert look(Image.new("RGBA", (4, 2), (0, 0, 0, 0))).holes is not None


@pytest.mark.parametrize(
    "value", [None, 5, "", {"file_id": "x"}, {"image_url": "https://example.org/a.png"}, {}, ["a"]]
)
def test_a_picture_that_is_no_picture_is_refused(value: object) -> None:
    with pytest.raises(BadRequest) as refused:
        read_picture("image", value)
    assert refused.value.field == "image"


def test_errors_name_the_field_that_the_client_sent() -> None:
    with pytest.raises(BadRequest) as refused, in_their_names("txt2img", {}):
        raise BadRequest("batch_count: 9 is not allowed", field="batch_count")
    assert (str(refused.value), refused.value.field) == ("n: 9 is not allowed", "n")
    with pytest.raises(BadRequest) as refused, in_their_names("txt2img", {"batch_count": 9}):
        raise BadRequest("batch_count: 9 is not allowed", field="batch_count")
    assert refused.value.field == "batch_count"
    with pytest.raises(BadRequest) as refused, in_their_names("txt2vid", {}):
        raise BadRequest("init_image_base64: not valid base64")
    assert str(refused.value) == "input_reference: not valid base64"


def test_partial_images_are_spread_over_the_steps_of_each_image() -> None:
    partials = PartialImages(2, 9)
    assert [partials.choose(step) for step in range(1, 10)] == [
        None, None, 0, None, None, 1, None, None, None
    ]  # fmt: skip
    partials.note_progress(JobProgress(job_id="x", step=1, total_steps=9, current_image=1))
    assert [partials.choose(step) for step in (1, 7, 9)] == [None, 1, None]
    assert partials.wanted
    assert PartialImages(0, 9).choose(9) is None
    assert not PartialImages(0, 9).wanted


# ---------------------------------------------------------------- videos


def test_seconds_are_frames_in_the_groups_of_the_architecture() -> None:
    wan = find_by_name("Wan")
    assert [count_frames(seconds, 16, wan) for seconds in (4, 0.01, 1.1)] == [65, 1, 17]


@pytest.mark.parametrize("fps", ["many", -1, 0, 10**400, float("inf"), [], True])
def test_a_strange_frame_rate_is_left_to_the_check_of_the_request(fps: object) -> None:
    body = validate(VideoBody, {"prompt": "a cat", "seconds": "4", "fps": fps})
    assert translate_video(body, None, model("Wan"), []).fields["fps"] is fps


# ---------------------------------------------------------------- language models


def chat(*messages: object, **fields: Any) -> Any:
    warnings: list[str] = []
    translated = translate_chat(validate(ChatBody, {"messages": list(messages), **fields}), warnings)
    return translated, warnings


CALL = {"id": "c1", "type": "function", "function": {"name": "draw", "arguments": '{"a": 1}'}}


def test_a_conversation_is_passed_on() -> None:
    translated, warnings = chat(
        {"role": "developer", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        tools=[{"type": "function", "function": {"name": "draw"}}],
        response_format={"type": "json_schema", "json_schema": {"schema": {"type": "array"}}},
        parallel_tool_calls=False,
        top_p=1,
    )
    system, user, assistant, result = translated.messages
    assert (system.role, user.content) == ("system", "a\nb")
    assert assistant.tool_calls == [ToolCall(name="draw", arguments={"a": 1}, id="c1")]
    assert (result.role, result.tool_call_id, result.tool_name) == ("tool", "c1", "draw")
    assert (translated.tools[0].name, translated.answer_schema) == ("draw", {"type": "array"})
    assert warnings == []
    assert show_calls(assistant.tool_calls)[0]["function"]["arguments"] == '{"a": 1}'


def test_what_a_language_model_is_not_given_is_told() -> None:
    idle = {"logprobs": True, "seed": 7, "stop": "x", "user": "me"}
    _, warnings = chat({"role": "user", "content": "a"}, **idle, tool_choice="required")
    assert [text.partition(" ")[0] for text in warnings] == [*idle, "tool_choice"]
    body = validate(CompletionBody, {"prompt": ["a"], "echo": True})
    assert translate_completion(body, warnings := []).messages[0].content == "a"
    assert warnings == ["echo has no effect: language models are not given it"]


@pytest.mark.parametrize(
    ("message", "fields", "field"),
    [
        ({"role": "function", "content": "a"}, {}, "messages.0"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, {}, "messages.0.content"),
        ({"role": "user", "content": 5}, {}, "messages.0.content"),
        ({"role": "user", "content": "\ud800"}, {}, "messages"),
        ({"role": "assistant", "tool_calls": 5}, {}, "messages.0"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": "["}}]},
            {},
            "messages.0",
        ),
        ({"role": "user"}, {"tools": [{"type": "web_search"}]}, "tools.0"),
        ({"role": "user"}, {"tools": [{"function": {"name": 5}}]}, "tools.0"),
        ({"role": "user"}, {"response_format": {"type": "json_schema"}}, "response_format"),
    ],
)
def test_what_cannot_be_passed_on_is_refused(
    message: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        chat(message, **fields)
    assert refused.value.field == field
