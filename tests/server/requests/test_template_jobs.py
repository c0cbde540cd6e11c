"""The field `prompt_template`: from a request to a picture."""

from typing import Any

import pytest

from tests.server.requests.conftest import MINIT2I, PICTURE
from tests.support.images import as_base64, picture
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer

TEMPLATE = "a {tiny|huge} __animals/pets__"
REQUEST: dict[str, Any] = {name: value for name, value in PICTURE.items() if name != "prompt"}
REQUEST |= {"model": MINIT2I, "prompt_template": TEMPLATE}


@pytest.fixture(scope="module", autouse=True)
def _pets(server: RunningServer) -> None:
    (server.models_dir / "wildcards/animals/pets.txt").write_text("cat\ndog\n{old|young} parrot\n")


@pytest.mark.proves("txt2img.prompt_template")
def test_the_picture_is_that_of_the_drawn_prompt_and_can_be_made_again(server: RunningServer) -> None:
    job = server.make(**REQUEST)
    params = job["params"]
    assert params["prompt_template"] == TEMPLATE
    assert params["prompt"].split()[1] in ("tiny", "huge")
    drawn = pixels(server, job)
    again = server.make(**params)
    assert again["params"] == params
    plain = server.make(**PICTURE | {"model": MINIT2I, "prompt": params["prompt"]})
    assert drawn == pixels(server, again) == pixels(server, plain)


@pytest.mark.proves("img2img.prompt_template")
def test_an_image_is_changed_by_the_drawn_prompt(server: RunningServer) -> None:
    request = REQUEST | {"init_image_base64": as_base64(picture(64, 64))}
    job = server.make("/img2img", **request)
    prompt = job["params"]["prompt"]
    plain = {name: value for name, value in request.items() if name != "prompt_template"}
    assert pixels(server, job) == pixels(server, server.make("/img2img", **plain, prompt=prompt))


def test_a_random_seed_draws_other_prompts_and_the_same_one_the_same(server: RunningServer) -> None:
    def prompt(seed: int) -> str:
        accepted = server.post("/txt2img", REQUEST | {"seed": seed}, expect=202)
        return str(server.get(f"/queue/{accepted['job_id']}")["params"]["prompt"])

    assert len({prompt(-1) for _ in range(20)}) > 1
    assert prompt(5) == prompt(5)


def test_a_prompt_beside_the_template_is_taken_as_it_is(server: RunningServer) -> None:
    plan = server.post("/plan", REQUEST | {"prompt": "a {plain} __prompt__"})
    assert plan["params"]["prompt"] == "a {plain} __prompt__"
    assert plan["params"]["prompt_template"] == TEMPLATE


def test_loras_may_be_drawn_and_missing_ones_are_refused(server: RunningServer) -> None:
    request = REQUEST | {"prompt_template": "a cat {<lora:nowhere:1>|<lora:nobody:1>}"}
    assert "LoRA not found" in server.post("/txt2img", request, expect=400)["error"]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("a __missing__ {cat|dog}", "there is no file missing.txt for __missing__ in"),
        ("{cat|__missing__}", "there is no file missing.txt for __missing__ in"),
        ("__../animals/pets__", "'..' leaves the folder"),
        ("a {cat", "has a '{' without a '}'"),
        ("a" * 20_001, "prompt_template length: 20001 is not allowed; at most 20000"),
        (["a"], "prompt_template: ['a'] is not allowed"),
        ("", "prompt is required"),
        (None, "prompt is required"),
    ],
    ids=["missing", "missing in a choice", "outside", "open", "long", "list", "empty", "null"],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_stored(
    server: RunningServer, template: object, told: str
) -> None:
    before = server.get("/queue")["total_count"]
    error = server.post("/txt2img", REQUEST | {"prompt_template": template}, expect=400)["error"]
    assert told in error
    assert server.get("/queue")["total_count"] == before
