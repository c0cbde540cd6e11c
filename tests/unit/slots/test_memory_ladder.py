"""What a job does to get by with less memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import NotEnoughMemory
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Progress
from sdcpp_restapi.schemas.models import LoadOptions, LoadRequest
from sdcpp_restapi.slots.memory_ladder import MemoryRungs, Rung, descend, find_next_rung
from sdcpp_restapi.slots.working_memory import check_weights, estimate_working_bytes

MODEL = LoadRequest(model_name="sd1.gguf")


def job(model: LoadRequest = MODEL, **params: object) -> Job:
    request = Txt2ImgRequest.model_validate({"prompt": "a cat", **params})
    return Job.model_validate(
        {
            "id": "one",
            "type": "txt2img",
            "status": JobStatus.PROCESSING,
            "attempt": 1,
            "params": request,
            "model": model,
            "created_at": "2024-01-01T00:00:00Z",
            "progress": Progress(),
        }
    )


def test_tiles_come_first_and_then_parameters_in_main_memory() -> None:
    on_gpu = [find_next_rung(job(), rung, on_cpu=False, while_loading=False) for rung in Rung]
    assert on_gpu == [Rung.TILED, Rung.OFFLOADED, None]
    assert find_next_rung(job(), Rung.TILED, on_cpu=True, while_loading=False) is None


def test_rungs_that_change_nothing_are_left_out() -> None:
    tiled = job(vae_tiling=True)
    assert find_next_rung(tiled, Rung.NONE, on_cpu=False, while_loading=False) is Rung.OFFLOADED
    assert find_next_rung(tiled, Rung.NONE, on_cpu=True, while_loading=False) is None
    offloaded = MODEL.model_copy(update={"options": LoadOptions(offload_to_cpu=True)})
    assert find_next_rung(job(offloaded), Rung.TILED, on_cpu=False, while_loading=False) is None


def test_tiles_do_not_help_a_load() -> None:
    assert find_next_rung(job(), Rung.NONE, on_cpu=False, while_loading=True) is Rung.OFFLOADED
    assert find_next_rung(job(), Rung.NONE, on_cpu=True, while_loading=True) is None


def test_a_job_is_run_as_its_rung_says() -> None:
    run = descend(job(), Rung.OFFLOADED)
    assert isinstance(run.params, Txt2ImgRequest)
    assert run.params.vae_tiling
    assert run.model is not None
    assert run.model.options.offload_to_cpu
    assert descend(job(), Rung.NONE) == job()


@pytest.fixture
async def rungs(tmp_path: Path) -> AsyncIterator[MemoryRungs]:
    database = await Database.open(tmp_path / "sdcpp.db")
    yield MemoryRungs(database)
    await database.close()


async def test_a_rung_is_remembered_for_model_device_and_size(rungs: MemoryRungs) -> None:
    await rungs.remember(job(), "CUDA0", Rung.TILED)
    assert await rungs.find(job(), "CUDA0") is Rung.TILED
    assert await rungs.find(job(), "CUDA1") is Rung.NONE
    assert await rungs.find(job(width=1024), "CUDA0") is Rung.NONE
    assert await rungs.find(job(LoadRequest(model_name="other.gguf")), "CUDA0") is Rung.NONE
    kept = MODEL.model_copy(update={"keep_alive": 60.0})
    assert await rungs.find(job(kept), "CUDA0") is Rung.TILED


def test_decoding_in_tiles_takes_less() -> None:
    params = job(width=1024, height=1024).params
    assert isinstance(params, Txt2ImgRequest)
    whole = estimate_working_bytes(params, MODEL)
    tiled = estimate_working_bytes(params.model_copy(update={"vae_tiling": True}), MODEL)
    assert tiled * 16 == whole


def test_weights_that_cannot_be_held_are_refused_with_numbers() -> None:
    read = MODEL.model_copy(update={"options": LoadOptions(enable_mmap=False)})
    with pytest.raises(NotEnoughMemory, match="take 300 MiB, and 200 MiB of memory are free"):
        check_weights(read, 300 * 2**20, 200 * 2**20)
    assert check_weights(read, 200 * 2**20, 200 * 2**20) == []
    (told,) = check_weights(MODEL, 300 * 2**20, 200 * 2**20)
    assert "300 MiB" in told
    other_type = MODEL.model_copy(update={"options": LoadOptions(enable_mmap=False, weight_type="q4_0")})
    assert check_weights(other_type, 300 * 2**20, 200 * 2**20) == []
