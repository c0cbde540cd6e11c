"""Which slot may run which job, and what it must load first."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sdcpp_restapi.models.required_files import required_files_of
from sdcpp_restapi.schemas.engine import LoraFile
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Progress
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.upscaling import UpscalerRequest
from sdcpp_restapi.slots.dispatch import Dispatcher, HeldModels, RequiredLoads, required_loads

from .fake_slot import FakeSlot

MODEL = LoadRequest(model_name="sd1.gguf")
OTHER = LoadRequest(model_name="flux.gguf")
FILES = required_files_of(None, MODEL, None)
OTHER_FILES = required_files_of(None, OTHER, None)
UPSCALER = UpscalerRequest(model_name="esrgan.safetensors")


def job(**changes: Any) -> Job:
    """A txt2img job on MODEL."""
    params = Txt2ImgRequest(prompt="a cat")
    fields: dict[str, Any] = {
        "id": "j",
        "type": "txt2img",
        "status": JobStatus.PROCESSING,
        "attempt": 1,
        "params": params,
        "model": MODEL,
        "created_at": datetime.now(UTC),
        "progress": Progress.before(params),
    }
    return Job(**fields | changes)


class Wakes:
    """Counts how often the queue was told to look again."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def dispatcher_of(
    *slots: FakeSlot, alone: bool = False, wake: Callable[[], None] = lambda: None
) -> Dispatcher:
    dispatcher = Dispatcher(alone=alone, wake=wake)
    for slot in slots:
        dispatcher.add(slot)
    return dispatcher


# ------------------------------------------------------------------ which slot


async def test_a_slot_runs_what_its_machine_has_files_for() -> None:
    slot = FakeSlot("a", files={"sd1.gguf"})
    dispatcher = dispatcher_of(slot)
    assert await dispatcher.may_run(slot, FILES)
    assert not await dispatcher.may_run(slot, OTHER_FILES)


async def test_a_lone_server_gives_its_slot_every_job_so_that_one_without_files_fails_there() -> None:
    slot = FakeSlot("a", files=set())
    assert dispatcher_of(slot, alone=True).claim_request(slot).can_run is None
    assert dispatcher_of(slot, alone=False).claim_request(slot).can_run is not None


async def test_a_claim_names_the_worker_s_slot_and_what_it_holds() -> None:
    here, there = FakeSlot("cpu"), FakeSlot("one/0", remote_name="one/0")
    there.loaded = MODEL
    dispatcher = dispatcher_of(here, there)
    claims = [dispatcher.claim_request(slot) for slot in (here, there)]
    assert [(claim.slot, claim.loaded) for claim in claims] == [(None, []), ("one/0", [MODEL])]


async def test_a_slot_whose_engine_does_not_come_up_leaves_jobs_to_one_that_works() -> None:
    broken, works = FakeSlot("a"), FakeSlot("b")
    broken.problem = "no such device"
    dispatcher = dispatcher_of(broken, works, alone=True)
    assert not await dispatcher.may_run(broken, FILES)
    assert await dispatcher.may_run(works, FILES)
    assert dispatcher.claim_request(broken).can_run is not None
    assert dispatcher.claim_request(works).can_run is None


async def test_an_engine_that_comes_up_again_takes_jobs_again() -> None:
    back, works = FakeSlot("a", comes_up=True), FakeSlot("b")
    back.problem = "it crashed"
    assert await dispatcher_of(back, works).may_run(back, FILES)
    assert back.revivals == 1


async def test_the_only_slot_is_given_jobs_even_if_its_engine_did_not_come_up() -> None:
    slot = FakeSlot("a")
    slot.problem = "it crashed"
    assert await dispatcher_of(slot).may_run(slot, FILES)
    assert slot.revivals == 0


async def test_what_a_slot_could_not_load_goes_to_another_that_can() -> None:
    small, large = FakeSlot("small"), FakeSlot("large")
    dispatcher = dispatcher_of(small, large)
    assert await dispatcher.pass_on(small, job())
    assert not await dispatcher.may_run(small, FILES)
    assert await dispatcher.may_run(small, OTHER_FILES)
    assert await dispatcher.may_run(large, FILES)


async def test_what_no_slot_could_load_is_passed_on_to_nobody() -> None:
    one, other = FakeSlot("a"), FakeSlot("b")
    dispatcher = dispatcher_of(one, other)
    assert await dispatcher.pass_on(one, job())
    assert not await dispatcher.pass_on(other, job())
    # Both may try: the second one's failure is the job's.
    assert await dispatcher.may_run(one, FILES)


async def test_a_failed_load_of_a_model_with_more_components_says_nothing_of_the_model_alone() -> None:
    one, other = FakeSlot("a"), FakeSlot("b")
    dispatcher = dispatcher_of(one, other)
    await dispatcher.pass_on(one, job(model=LoadRequest(model_name="sd1.gguf", vae="vae.safetensors")))
    assert await dispatcher.may_run(one, FILES)


async def test_other_files_on_its_machine_let_a_slot_try_again() -> None:
    wakes = Wakes()
    one, other = FakeSlot("a"), FakeSlot("b")
    dispatcher = dispatcher_of(one, other, wake=wakes)
    await dispatcher.pass_on(one, job())
    dispatcher.retry_loads(one)
    assert await dispatcher.may_run(one, FILES)
    assert wakes.count == 1


async def test_a_slot_that_goes_wakes_the_others_and_its_failures_are_forgotten() -> None:
    wakes = Wakes()
    one, other = FakeSlot("a"), FakeSlot("b")
    dispatcher = dispatcher_of(one, other, wake=wakes)
    await dispatcher.pass_on(one, job())
    dispatcher.remove(one)
    assert wakes.count == 1
    assert list(dispatcher.slots) == [other]


# ------------------------------------------------------------------ what it loads first

LORA = LoraFile(path="/loras/style.safetensors", weight=0.5)

LOADS: dict[str, tuple[Job, list[LoraFile], HeldModels, RequiredLoads]] = {
    "an empty slot loads the model": (job(), [], HeldModels(), RequiredLoads(model=MODEL)),
    "the model in memory is used": (job(), [], HeldModels(model=MODEL), RequiredLoads()),
    "another model is replaced": (job(), [], HeldModels(model=OTHER), RequiredLoads(model=MODEL)),
    "a LoRA at run time needs no load": (job(), [LORA], HeldModels(model=MODEL), RequiredLoads()),
    "the merged LoRAs are used again": (
        job(),
        [LORA],
        HeldModels(model=MODEL, merged_loras=[LORA]),
        RequiredLoads(),
    ),
    "other merged LoRAs need a fresh load": (
        job(),
        [],
        HeldModels(model=MODEL, merged_loras=[LORA]),
        RequiredLoads(model=MODEL),
    ),
    "an upscaler is loaded beside the model": (
        job(upscaler=UPSCALER),
        [],
        HeldModels(model=MODEL),
        RequiredLoads(upscaler=UPSCALER),
    ),
    "another tile size is no other upscaler": (
        job(upscaler=UPSCALER.model_copy(update={"tile_size": 64})),
        [],
        HeldModels(model=MODEL, upscaler=UPSCALER),
        RequiredLoads(),
    ),
    "another number of threads is": (
        job(upscaler=UPSCALER),
        [],
        HeldModels(model=MODEL, upscaler=UPSCALER.model_copy(update={"n_threads": 7})),
        RequiredLoads(upscaler=UPSCALER),
    ),
    "an upscale job needs no model": (
        job(model=None, upscaler=UPSCALER),
        [],
        HeldModels(model=OTHER, upscaler=UPSCALER),
        RequiredLoads(),
    ),
}


@pytest.mark.parametrize("case", LOADS)
def test_a_slot_loads_what_a_job_needs_and_memory_does_not_hold(case: str) -> None:
    stamped, loras, held, expected = LOADS[case]
    assert required_loads(stamped, loras, held) == expected
