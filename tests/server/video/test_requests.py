"""What requests for videos have in common with all others: a model of their own, prompts from templates."""

import pytest

from tests.support.running_server import RunningServer
from tests.support.videos import LINGBOT, MINIT2I, TINY, fetched


@pytest.mark.proves("txt2vid.model", "txt2vid.prompt_template", "txt2vid.engine")
def test_a_video_is_made_by_the_model_that_is_named_from_the_prompt_that_is_drawn(
    server: RunningServer,
) -> None:
    plain = server.make("/txt2vid", **TINY)
    server.post("/models/load", MINIT2I)
    template = {**TINY, "prompt": "", "prompt_template": f"{{{TINY['prompt']}}}"}
    drawn = server.make("/txt2vid", **template, model=LINGBOT["model_name"], engine="same")
    server.post("/models/load", LINGBOT)
    assert drawn["params"]["prompt"] == TINY["prompt"]
    assert drawn["params"]["engine"] == drawn["engine"] == server.get("/health")["engine"]
    assert fetched(server, drawn) == fetched(server, plain)


def test_a_plan_of_a_video_knows_frames_and_history(server: RunningServer) -> None:
    server.make("/txt2vid", **TINY)
    plan = server.post("/plan?type=txt2vid", TINY)
    assert plan["params"]["video_frames"] == TINY["video_frames"]
    assert plan["time"]["samples"] >= 1
    assert plan["memory"]["working_bytes"] > plan["width"] * plan["height"] * 42_900
