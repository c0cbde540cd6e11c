"""A job that branches from a step of another one takes the steps before it from there."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from sdcpp_restapi.engine.binding.names import SAMPLERS
from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

STEPS = 6
PROMPT: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": STEPS, "seed": 7}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("branching")
    model = build("sd1").install(root / "models")
    with RunningServer(root) as server:
        server.post("/models/load", {**model, "options": {"n_threads": 1}})
        yield server


@pytest.fixture(scope="module")
def parent(server: RunningServer) -> dict[str, Any]:
    made: dict[str, Any] = server.make(**PROMPT, keep_journal=True)
    return made


def pixels(server: RunningServer, job: dict[str, Any]) -> list[str]:
    found = []
    for file in job["outputs"]:
        if file.endswith(".png"):
            with Image.open(server.output_dir / file) as image:
                found.append(hashlib.sha256(image.tobytes()).hexdigest())
    return found


def branch(server: RunningServer, parent: dict[str, Any], step: int, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = server.make(from_job=parent["job_id"], from_step=step, **fields)
    return made


def refused(server: RunningServer, path: str = "/txt2img", **fields: Any) -> str:
    answer = httpx.post(f"{server.url}{path}", json=fields)
    assert answer.status_code == 400, answer.text
    told: str = answer.json()["error"]
    return told


@pytest.mark.parametrize("step", [0, 2, STEPS])
def test_without_other_fields_it_draws_the_same_picture_whatever_the_step(
    server: RunningServer, parent: dict[str, Any], step: int
) -> None:
    job = branch(server, parent, step)
    assert pixels(server, job) == pixels(server, parent)
    assert job["params"]["prompt"] == "a cat"
    assert job["params"]["seed"] == 7
    assert job["parent"] == parent["job_id"]


@pytest.mark.proves("txt2img.keep_journal", "txt2img.from_job", "txt2img.from_step")
def test_another_prompt_acts_from_the_step_on(server: RunningServer, parent: dict[str, Any]) -> None:
    whole = server.make(**PROMPT | {"prompt": "a red house"})
    drawn = {
        step: pixels(server, branch(server, parent, step, prompt="a red house")) for step in range(STEPS + 1)
    }
    assert drawn[0] == pixels(server, whole)
    assert drawn[STEPS] == pixels(server, parent)
    assert len({tuple(one) for one in drawn.values()}) == STEPS + 1
    assert drawn[3] == pixels(server, branch(server, parent, 3, prompt="a red house"))


def test_other_guidance_acts_from_the_step_on(server: RunningServer, parent: dict[str, Any]) -> None:
    # At cfg scale 1 a step has one evaluation in place of two.
    for scale in (1.0, 3.0):
        branched = pixels(server, branch(server, parent, 3, cfg_scale=scale))
        assert branched not in (
            pixels(server, parent),
            pixels(server, server.make(**PROMPT, cfg_scale=scale)),
        )
    assert pixels(server, branch(server, parent, 0, cfg_scale=1.0)) == pixels(
        server, server.make(**PROMPT, cfg_scale=1.0)
    )


@pytest.mark.heavy
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_branches_to_the_same_picture(server: RunningServer, sampler: str) -> None:
    parent = server.make(**PROMPT, sampler=sampler, keep_journal=True)
    for step in (3, STEPS):
        assert pixels(server, branch(server, parent, step)) == pixels(server, parent)
    # All steps are the parent's: another prompt does not act.
    assert pixels(server, branch(server, parent, STEPS, prompt="a red house")) == pixels(server, parent)


def test_each_image_of_a_batch_branches(server: RunningServer) -> None:
    parent = server.make(**PROMPT, batch_count=3, keep_journal=True)
    assert pixels(server, branch(server, parent, STEPS, prompt="a house")) == pixels(server, parent)
    changed = pixels(server, branch(server, parent, 3, prompt="a house"))
    assert not set(changed) & set(pixels(server, parent))


def test_a_second_pass_is_computed_anew_with_the_same_result(server: RunningServer) -> None:
    fields: dict[str, Any] = {"hires": True, "hires_scale": 2.0, "hires_strength": 0.5, "batch_count": 2}
    parent = server.make(**PROMPT, **fields, keep_journal=True)
    assert pixels(server, branch(server, parent, 4)) == pixels(server, parent)
    assert pixels(server, branch(server, parent, STEPS, prompt="a house")) != pixels(server, parent)


def test_a_branch_that_lost_its_engine_goes_on_where_it_was(server: RunningServer) -> None:
    many = 60
    parent = server.make(**PROMPT | {"steps": many}, keep_journal=True)
    with server.events(previews=False) as events:
        job_id = server.submit(from_job=parent["job_id"], from_step=5, prompt="a house")
        events.wait_for(
            "job_progress", lambda data: data["job_id"] == job_id and data["current_all_steps"] >= 9
        )
        psutil.Process(server.process.pid).children()[0].kill()
    job = server.wait_for_job(job_id)
    assert job["resumed_from_step"] >= 8
    assert pixels(server, job) == pixels(server, branch(server, parent, 5, prompt="a house"))


def test_a_branch_can_keep_its_journal_and_be_branched_from(
    server: RunningServer, parent: dict[str, Any]
) -> None:
    child = branch(server, parent, 3, prompt="a red house", keep_journal=True)
    grandchild = branch(server, child, 4, prompt="a green tree")
    same = branch(server, child, STEPS, prompt="a green tree")
    assert pixels(server, same) == pixels(server, child)
    lineage = server.get(f"/queue/{child['job_id']}/lineage")
    assert [job["job_id"] for job in lineage["ancestors"]] == [parent["job_id"]]
    assert [(job["job_id"], job["parent"], job["from_step"]) for job in lineage["descendants"]] == [
        (grandchild["job_id"], child["job_id"], 4),
        (same["job_id"], child["job_id"], STEPS),
    ]
    top = server.get(f"/queue/{grandchild['job_id']}/lineage")
    assert [job["job_id"] for job in top["ancestors"]] == [parent["job_id"], child["job_id"]]


@pytest.mark.proves("img2img.keep_journal", "img2img.from_job", "img2img.from_step")
def test_pictures_can_be_the_origin_of_a_branch(server: RunningServer, parent: dict[str, Any]) -> None:
    start = as_base64(Image.open(server.output_dir / parent["outputs"][0]))
    made = server.make("/img2img", **PROMPT, init_image_base64=start, strength=0.6, keep_journal=True)
    same = server.make(
        "/img2img", init_image_base64=start, from_job=made["job_id"], from_step=STEPS, prompt="a house"
    )
    assert pixels(server, same) == pixels(server, made)


@pytest.mark.proves("txt2vid.keep_journal", "txt2vid.from_job", "txt2vid.from_step")
def test_a_video_can_be_the_origin_of_a_branch(tmp_path: Path) -> None:
    model = build("lingbot").install(tmp_path / "models")
    request = PROMPT | {"video_frames": 5, "save_frames": True}
    with RunningServer(tmp_path) as server:
        server.post("/models/load", {**model, "options": {"n_threads": 1}})
        made = server.make("/txt2vid", **request, keep_journal=True)
        drawn = [
            pixels(server, server.make("/txt2vid", from_job=made["job_id"], from_step=step, prompt="a house"))
            for step in (0, 3, STEPS)
        ]
        assert drawn[0] == pixels(server, server.make("/txt2vid", **request | {"prompt": "a house"}))
        assert drawn[1] not in (drawn[0], drawn[2])
        assert drawn[2] == pixels(server, made)


def test_what_can_not_be_branched_from_is_refused_with_its_reason(
    server: RunningServer, parent: dict[str, Any]
) -> None:
    known = parent["job_id"]
    plain = server.make(**PROMPT)
    assert "there is no job 'nothing'" in refused(server, from_job="nothing", from_step=1)
    assert "needs from_step" in refused(server, from_job=known)
    assert "needs from_job" in refused(server, prompt="a cat", from_step=1)
    assert "from_step: 7 is not allowed; the job of from_job has 6 steps" in refused(
        server, from_job=known, from_step=STEPS + 1
    )
    assert "width: 128 is not allowed; it must be 64" in refused(
        server, from_job=known, from_step=1, width=128
    )
    assert "was not submitted with keep_journal" in refused(server, from_job=plain["job_id"], from_step=1)
    assert "a branch makes the same" in refused(
        server, "/txt2vid", from_job=known, from_step=1, prompt="a cat"
    )


def test_the_journal_of_a_purged_job_goes_with_it(server: RunningServer) -> None:
    job = server.make(**PROMPT, keep_journal=True)
    kept = server.data_dir / "journals/kept" / f"{job['job_id']}.journal"
    assert kept.is_file()
    httpx.request(
        "DELETE", f"{server.url}/queue/jobs", json={"job_ids": [job["job_id"]], "purge": True}
    ).raise_for_status()
    assert not kept.exists()


def test_a_job_tells_that_its_journal_could_not_be_kept(tmp_path: Path) -> None:
    model = build("sd1").install(tmp_path / "models")
    with RunningServer(tmp_path, env={"SDCPP_ENGINE_KEPT_JOURNALS_MB": "1"}) as server:
        server.post("/models/load", {**model, "options": {"n_threads": 1}})
        job = server.make(**PROMPT | {"width": 256, "height": 256, "steps": 60}, keep_journal=True)
        assert any("MB and is not kept" in told for told in job["warnings"])
        assert "made room for newer ones" in refused(server, from_job=job["job_id"], from_step=1)


def test_a_damaged_journal_ends_the_branch_with_a_sentence(server: RunningServer) -> None:
    job = server.make(**PROMPT, keep_journal=True)
    kept = server.data_dir / "journals/kept" / f"{job['job_id']}.journal"
    kept.write_bytes(b"nothing of the kind")
    failed = server.wait_for_job(server.submit(from_job=job["job_id"], from_step=2))
    assert (failed["status"], "from_job: its journal can't be read" in failed["error"]) == ("failed", True)
