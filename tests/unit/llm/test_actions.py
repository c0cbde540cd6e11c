"""What a model wants becomes checked actions, or is rejected with a reason."""

import json
from typing import Any, get_args

import jsonschema
import pytest
from pydantic import ValidationError

from sdcpp_restapi.llm.assistant.actions import (
    build_answer_schema,
    check_proposals,
    list_tools,
    read_proposals,
)
from sdcpp_restapi.schemas.actions import PARAMETERS, SAFE, ActionType
from sdcpp_restapi.schemas.chat import Answer, ToolCall

JOB = {"job_id": "8c6a"}
VALID: dict[str, dict[str, Any]] = {
    "set_setting": {"name": "steps", "value": 30},
    "generate": {"prompt": "a lighthouse", "width": 512, "sampler": "euler"},
    "load_model": {"model_name": "sdxl.safetensors", "model_type": "checkpoint", "vae": "sdxl.vae.pt"},
    "set_component": {"component": "vae", "model_name": "sdxl.vae.pt"},
    "unload_model": {},
    "refresh_models": {},
    "load_upscaler": {"model_name": "x4.pth"},
    "unload_upscaler": {},
    "upscale": {**JOB, "image": 1, "upscale_factor": 2},
    "convert_model": {"input_path": "a.safetensors", "output_type": "q8_0"},
    "download_model": {"model_type": "lora", "url": "https://example.com/a.safetensors"},
    "cancel_job": JOB,
    "get_job": JOB,
    "search_jobs": {"search": "cat", "status": "completed"},
    "load_job_model": JOB,
    "set_image": {**JOB, "target": "init_image"},
    "apply_recommended_settings": {},
    "navigate": {"view": "gallery"},
    "highlight_setting": {"name": "cfg_scale"},
    "ask_user": {"question": "Which one?", "options": ["this", "that"]},
}


def heard(text: str = "", *calls: tuple[str, dict[str, Any]]) -> tuple[str, list[Any], list[Any]]:
    """Words, actions and rejected actions of an answer, as JSON."""
    tool_calls = [ToolCall(name=name, arguments=arguments) for name, arguments in calls]
    words, wanted = read_proposals(Answer(text=text, tool_calls=tool_calls, model="x"))
    actions, rejected = check_proposals(wanted)
    return words, [a.model_dump(mode="json") for a in actions], [r.model_dump(mode="json") for r in rejected]


def test_there_are_the_twenty_actions_and_the_safe_ones_are_among_them() -> None:
    assert set(VALID) == set(PARAMETERS) == set(get_args(ActionType))
    assert set(VALID) > SAFE


@pytest.mark.parametrize("kind", VALID)
def test_every_action_is_known_by_tool_and_by_schema_and_keeps_its_parameters(kind: str) -> None:
    _, actions, rejected = heard("", (kind, VALID[kind]))
    assert not rejected
    assert actions[0]["type"] == kind
    assert actions[0]["parameters"].items() >= VALID[kind].items()
    (tool,) = [tool for tool in list_tools() if tool.name == kind]
    jsonschema.validate(VALID[kind], tool.parameters)
    answer = {"message": "", "actions": [{"type": kind, "parameters": VALID[kind]}]}
    jsonschema.validate(answer, build_answer_schema({}))


def test_tools_and_schema_are_valid_json_schemas() -> None:
    for schema in (build_answer_schema({"checkpoint": ["a"]}), *(tool.parameters for tool in list_tools())):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_schema_holds_the_model_to_names_that_exist() -> None:
    schema = build_answer_schema({"checkpoint": ["a"], "diffusion": ["b"], "esrgan": ["c"]})
    for kind, name, valid in [
        ("load_model", "a", True), ("load_model", "b", True), ("load_model", "c", False),
        ("load_upscaler", "c", True), ("load_upscaler", "a", False),
    ]:  # fmt: skip
        answer = {"message": "", "actions": [{"type": kind, "parameters": {"model_name": name}}]}
        assert jsonschema.Draft202012Validator(schema).is_valid(answer) == valid


@pytest.mark.parametrize(
    ("kind", "parameters", "reason"),
    [
        ("delete_everything", {}, "there is no such action"),
        ("load_model", {}, "model_name: Field required"),
        ("load_model", {"model_name": "a", "model_type": "lora"}, "model_type"),
        ("load_model", {"model_name": "a", "quantization": "q8_0"}, "there is no parameter 'quantization'"),
        ("unload_model", {"force": True}, "force"),
        ("set_setting", {"name": "brightness", "value": 3}, "there is no setting 'brightness'"),
        ("set_setting", {"name": "init_image_base64", "value": "x"}, "there is no setting"),
        ("set_setting", {"name": "steps", "value": "many"}, "'many' is not allowed for steps"),
        ("set_setting", {"name": "sampler", "value": "best"}, "'best' is not allowed for sampler"),
        ("set_setting", {"name": "cfg_scale", "value": -1}, "-1 is not allowed for cfg_scale"),
        ("generate", {"prompt": ""}, "prompt"),
        ("generate", {"prompt": "a cat", "cfg_scale": 5000}, "cfg_scale"),
        ("generate", {"prompt": "a cat", "sampler": "best"}, "sampler"),
        ("generate", {"prompt": "a cat", "mood": "gloomy"}, "there is no parameter 'mood'"),
        ("generate", {"prompt": "a cat", "video_frames": 9}, "there is no parameter 'video_frames'"),
        ("generate", {"prompt": "a cat", "type": "txt2vid", "fps": 0}, "fps"),
        ("convert_model", {"input_path": "a", "output_type": "q9"}, "output_type"),
        ("download_model", {"model_type": "cat"}, "model_type"),
        ("upscale", {**JOB, "upscale_factor": 64}, "upscale_factor"),
        ("navigate", {"view": "kitchen"}, "view"),
    ],
)
def test_what_does_not_make_sense_is_rejected_with_a_reason(
    kind: str, parameters: dict[str, Any], reason: str
) -> None:
    _, actions, rejected = heard("", (kind, parameters))
    assert not actions
    assert (rejected[0]["type"], rejected[0]["parameters"]) == (kind, parameters)
    assert reason in rejected[0]["reason"]


def test_a_setting_gets_its_fields_type() -> None:
    _, actions, _ = heard("", ("set_setting", {"name": "steps", "value": "30"}))
    assert actions[0]["parameters"] == {"name": "steps", "value": 30}


def test_videos_have_their_own_fields() -> None:
    wish = {"prompt": "waves", "type": "txt2vid", "video_frames": 9, "fps": 8}
    _, actions, rejected = heard("", ("generate", wish), ("set_setting", {"name": "fps", "value": 24}))
    assert not rejected
    assert actions[0]["parameters"] == wish


LOAD = {"type": "load_model", "parameters": {"model_name": "a"}}


@pytest.mark.parametrize(
    ("text", "words", "count"),
    [
        (json.dumps({"message": "Yes.", "actions": [LOAD]}), "Yes.", 1),
        (json.dumps({"message": "No.", "actions": []}), "No.", 0),
        (json.dumps(LOAD), "", 1),
        (json.dumps([LOAD, {"type": "unload_model"}]), "", 2),
        (f"Yes.\n```json\n{json.dumps(LOAD)}\n```", "Yes.", 1),
        (f"Yes.\n```json\n{json.dumps({'actions': [LOAD]})}\n```\nAnd now?", "Yes.\n\nAnd now?", 1),
        (f"```\n{json.dumps([LOAD])}\n```", "", 1),
        ("In Python:\n```python\nprint(1)\n```", "In Python:\n```python\nprint(1)\n```", 0),
        ('```json\n{"a": 1}\n```', '```json\n{"a": 1}\n```', 0),
        ("Just words.", "Just words.", 0),
        ("5", "5", 0),
        ('{"message": "I load it, but then I talk and ta', "I load it, but then I talk and ta", 0),
        ('{"message": "Yes.", "actions": [{"type": "load_model", "parame', "Yes.", 0),
        ('{"message": "Yes.", "actions": "none"}', "Yes.", 0),
        ('{"message": "Yes.", "actions": [{"type": "unload_model"}, 3]}', "Yes.", 1),
    ],
)
def test_actions_are_found_in_json_and_in_fenced_blocks(text: str, words: str, count: int) -> None:
    said, actions, rejected = heard(text)
    assert (said, len(actions), rejected) == (words, count, [])


def test_the_same_action_twice_is_one() -> None:
    said = {"message": "Yes.", "actions": [LOAD, LOAD]}
    assert len(heard(json.dumps(said))[1]) == 1


@pytest.mark.parametrize("kind", VALID)
@pytest.mark.parametrize("field", ["webhook_url", "webhook_secret"])
def test_no_action_may_have_a_job_told_elsewhere(kind: ActionType, field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        PARAMETERS[kind].model_validate({**VALID[kind], field: "https://example.com/"})
    with pytest.raises(ValidationError, match="there is no setting"):
        PARAMETERS["set_setting"].model_validate({"name": field, "value": "https://example.com/"})
