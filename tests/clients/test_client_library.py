"""The client library against a real server: both clients, from a prompt to files."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdcpp_restapi.client import AsyncClient, Client, JobUnsuccessful, ServerRefused
from sdcpp_restapi.schemas.events import JobAdded, JobProgress, JobStatusChanged
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import FINAL, JobStatus, JobView
from tests.docs.source_tree import ROOT
from tests.support.images import encoded, picture
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

ESRGAN = "RealESRGAN_tiny.safetensors"
SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0, "seed": 7}
# What a request leaves open is as small as the tiny model is.
ENV = {
    "SDCPP_GENERATION_USE_ARCHITECTURE_DEFAULTS": "true",
    "SDCPP_GENERATION_PRESETS": json.dumps({"SD1.5": {"width": 64, "height": 64, "steps": 2}}),
}
SERVER = ServerSetup(models=[("esrgan", ESRGAN)], loads=["sd1_vae"], env=ENV)
# Long enough to be cancelled while it runs.
LONG = SMALL | {"steps": 1000}
PAGE = (ROOT / "docs/client-library.md").read_text("utf-8")


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


def test_a_prompt_becomes_files(client: Client, tmp_path: Path) -> None:
    seen: list[JobView] = []
    job = client.wait(client.generate("a cat", batch_count=2, **SMALL), on_change=seen.append)
    paths = client.save(job, tmp_path / "new")
    assert paths == [tmp_path / f"new/{job.job_id}-image_{number}.png" for number in (0, 1)]
    with Image.open(paths[0]) as image:
        assert image.size == (64, 64)
    assert seen[-1] == job
    shares = [one.progress.percentage for one in seen]
    assert shares == sorted(shares)


def test_with_an_image_it_is_made_from_that(client: Client) -> None:
    job = client.wait(client.generate("a cat", image=encoded(), strength=0.5, **SMALL))
    assert job.type == "img2img"
    assert [(one.field, one.width) for one in job.inputs or []] == [("init_image_base64", 64)]


def test_a_request_object_is_submitted_as_it_is(client: Client) -> None:
    job = client.wait(client.submit(Txt2ImgRequest(prompt="a cat", steps=1, seed=7)))
    assert (job.type, job.params["seed"], job.params["steps"]) == ("txt2img", 7, 1)
    assert job.params["width"] == 64  # by the server's presets: it was not given


def test_a_plan_takes_the_arguments_of_generate(client: Client) -> None:
    plan = client.plan("a cat", image=encoded(), **SMALL)
    assert (plan.type, plan.width, plan.seed) == ("img2img", 64, 7)


def test_a_picture_is_enlarged(client: Client) -> None:
    assert client.load_upscaler(ESRGAN).upscale_factor == 4
    job = client.wait(client.upscale(encoded(picture(16, 16))))
    with Image.open(BytesIO(client.outputs(job)[0])) as image:
        assert image.size == (64, 64)
    client.unload_upscaler()
    assert not client.health().upscaler_loaded


def test_models_are_listed_inspected_and_hashed(client: Client) -> None:
    name = client.models(type="checkpoint").checkpoints[0].name
    assert client.models_in_detail(search=name).checkpoints[0].architecture == "SD1.5"
    assert client.inspect_model("checkpoint", name).architecture == "SD1.5"
    assert re.fullmatch("[0-9a-f]{64}", client.hash_model("checkpoint", name).hash)
    assert "euler" in client.options().samplers
    assert client.architectures().current_architecture == "SD1"
    assert client.workers().workers == []


def test_what_the_server_refuses_is_an_error_with_status_code_and_field(client: Client) -> None:
    with pytest.raises(ServerRefused, match="must be one of euler") as refused:
        client.generate("a cat", sampler="none")
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
    assert refused.value.field == "sampler"
    with pytest.raises(ServerRefused) as missing:
        client.job("nothing")
    assert (missing.value.status, missing.value.code, missing.value.field) == (404, "job_not_found", None)


def test_a_cancelled_job_is_an_error_that_has_the_job(client: Client) -> None:
    accepted = client.generate("a cat", **LONG)
    client.cancel(accepted)
    with pytest.raises(JobUnsuccessful, match="cancelled") as ended:
        client.wait(accepted)
    assert ended.value.job.status is JobStatus.CANCELLED


def test_waiting_ends_after_the_time_given(client: Client) -> None:
    accepted = client.generate("a cat", **LONG)
    with pytest.raises(TimeoutError, match=accepted.job_id):
        client.wait(accepted, seconds=0.05)
    client.cancel(accepted)


def test_jobs_are_listed_deleted_and_restored(client: Client) -> None:
    job = client.wait(client.generate("a very special cat", **SMALL))
    assert [one.job_id for one in client.queue(search="very special").items] == [job.job_id]
    assert client.delete([job.job_id]).deleted == [job.job_id]
    assert client.queue(trash=True).matching_count == 1
    assert client.restore([job.job_id]).restored == [job.job_id]


def test_events_are_typed(client: Client) -> None:
    with client.events() as events:
        job_id = client.generate("a cat", **SMALL).job_id
        heard = []
        for event in events:
            if getattr(event.data, "job_id", None) == job_id:
                heard.append(event.data)
            if isinstance(event.data, JobStatusChanged) and event.data.status in FINAL:
                break
    assert isinstance(heard[0], JobAdded)
    assert any(isinstance(one, JobProgress) for one in heard)
    assert heard[-1] == event.data


async def test_the_asynchronous_client_does_the_same(server: RunningServer, tmp_path: Path) -> None:
    async with AsyncClient(server.url) as client:
        seen: list[JobView] = []
        job = await client.wait(await client.generate("a cat", **SMALL), on_change=seen.append)
        (path,) = await client.save(job, tmp_path)
        with Image.open(path) as image:
            assert image.size == (64, 64)
        assert seen[-1] == job
        async with client.events() as events:
            accepted = await client.generate("a cat", **LONG)
            async for event in events:
                if isinstance(event.data, JobProgress):
                    break
        with pytest.raises(TimeoutError):
            await client.wait(accepted, seconds=0.05)
        await client.cancel(accepted)
        with pytest.raises(JobUnsuccessful):
            await client.wait(accepted)
        with pytest.raises(ServerRefused) as refused:
            await client.generate("a cat", steps=0)
        assert refused.value.field == "steps"


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_the_examples_of_the_page_run(
    block: str, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDCPP_URL", server.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(encoded())
    exec(compile(block, "client-library.md", "exec"), {})  # noqa: S102 - it is our own page
