"""Which of several loads happens; slots and models are pretended, since moments must be chosen exactly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from sdcpp_restapi.errors import LoadFailed, LoadInProgress, LoadReplaced, ModelNotFound
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.models.library import ModelLibrary
from sdcpp_restapi.preferences import Preferences
from sdcpp_restapi.schemas.base import Frozen
from sdcpp_restapi.schemas.cluster import Completed
from sdcpp_restapi.schemas.events import ModelLoaded
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.slots.current_model import CurrentModel
from sdcpp_restapi.slots.dispatch import Dispatcher
from sdcpp_restapi.slots.pool import SlotPool
from sdcpp_restapi.slots.priority_lock import JOB

from .fake_slot import FakeSlot

OLD, FIRST, SECOND, THIRD = (
    LoadRequest(model_name=f"{name}.gguf") for name in ("old", "first", "second", "third")
)


class StubLibrary:
    """Completes requests by adding a VAE, those of `slow` not before `ready` is set."""

    def __init__(self) -> None:
        self.slow: LoadRequest | None = None
        self.ready = asyncio.Event()

    async def complete(self, request: LoadRequest) -> Completed:
        if request == self.slow:
            await self.ready.wait()
        if request.model_name == "unknown.gguf":
            raise ModelNotFound("Model not found: unknown.gguf")
        return Completed(request=request.model_copy(update={"vae": "vae.gguf"}), architecture=None)


class StubPreferences:
    """In memory."""

    def __init__(self) -> None:
        self.stored: Frozen | None = None

    async def get(self, _name: str, _shape: type[Frozen]) -> Frozen | None:
        return self.stored

    async def set(self, _name: str, value: Frozen | None) -> None:
        self.stored = value


class Place:
    """A current model over pretended slots."""

    def __init__(self, *slots: FakeSlot) -> None:
        self.slots = slots or (FakeSlot("a"),)
        self.library = StubLibrary()
        self.preferences = StubPreferences()
        dispatcher = Dispatcher(alone=True, wake=lambda: None)
        for slot in self.slots:
            dispatcher.add(slot)
        self.model = CurrentModel(
            pool=SlotPool(dispatcher),
            library=cast(ModelLibrary, self.library),
            preferences=cast(Preferences, self.preferences),
            bus=EventBus(),
            presets={},
        )

    async def begin(self, request: LoadRequest) -> asyncio.Task[ModelLoaded]:
        """Ask for a load, which goes as far as it can."""
        asking = asyncio.create_task(self.model.load(request))
        await all_others_ran()
        return asking

    @asynccontextmanager
    async def busy(self, slot: FakeSlot | None = None) -> AsyncIterator[None]:
        """A job runs for the block."""
        async with (slot or self.slots[0]).lock.take(JOB):
            yield

    def shown(self) -> tuple[bool, str | None, bool, str | None]:
        """What /health tells of loaded and loading, with which GET /models agrees."""
        health, identity = self.model.health(None), self.model.identity()
        assert health.model_name == (identity[0] if identity else None)
        return health.model_loaded, health.model_name, health.model_loading, health.loading_model_name


async def all_others_ran() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def place() -> Place:
    """One slot that has loaded `old`."""
    made = Place()
    made.slots[0].end()
    await made.model.load(OLD)
    made.slots[0].begun.clear()
    return made


async def test_a_load_takes_the_place_of_one_that_waits_for_the_running_job(place: Place) -> None:
    async with place.busy():
        first = await place.begin(FIRST)
        assert place.shown() == (True, "old.gguf", True, "first.gguf")
        second = await place.begin(SECOND)
        with pytest.raises(LoadReplaced, match=r"first\.gguf was not loaded: second\.gguf took its place"):
            await first
        assert place.shown() == (True, "old.gguf", True, "second.gguf")
        assert place.slots[0].begun == []
    assert (await second).model_name == "second.gguf"
    assert place.slots[0].begun == ["second.gguf"]
    assert place.shown() == (True, "second.gguf", False, None)


async def test_the_last_of_many_loads_is_the_one_that_happens(place: Place) -> None:
    async with place.busy():
        asked = [await place.begin(request) for request in (FIRST, SECOND, FIRST, THIRD)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [LoadReplaced, LoadReplaced, LoadReplaced, ModelLoaded]
    assert place.slots[0].begun == ["third.gguf"]


async def test_a_load_that_has_begun_keeps_its_place() -> None:
    place = Place()
    first = await place.begin(FIRST)
    assert place.shown() == (False, None, True, "first.gguf")
    with pytest.raises(LoadInProgress, match=r"first\.gguf"):
        await place.model.load(SECOND)
    with pytest.raises(LoadInProgress):
        await place.model.load(FIRST)
    place.slots[0].end()
    assert (await first).model_name == "first.gguf"
    assert place.slots[0].begun == ["first.gguf"]


@pytest.mark.parametrize("granted_first", [True, False])
async def test_one_of_two_loads_happens_when_the_second_comes_in_the_moment_of_the_firsts_turn(
    place: Place, granted_first: bool
) -> None:
    place.library.slow = SECOND
    job = place.busy()
    await job.__aenter__()
    first = await place.begin(FIRST)
    second = await place.begin(SECOND)  # it looks for its components
    if granted_first:
        await job.__aexit__(None, None, None)
        place.library.ready.set()
    else:
        place.library.ready.set()
        await job.__aexit__(None, None, None)
    results = await asyncio.gather(first, second, return_exceptions=True)
    happened = "first.gguf" if granted_first else "second.gguf"
    refusal = results[1] if granted_first else results[0]
    assert isinstance(refusal, LoadInProgress if granted_first else LoadReplaced)
    assert place.slots[0].begun == [happened]
    assert place.shown() == (True, happened, False, None)


async def test_a_load_of_which_the_client_is_gone_waits_on_and_can_be_replaced(place: Place) -> None:
    async with place.busy():
        first = await place.begin(FIRST)
        first.cancel()
        await all_others_ran()
        assert place.shown() == (True, "old.gguf", True, "first.gguf")
        second = await place.begin(SECOND)
        second.cancel()
        await all_others_ran()
    await all_others_ran()
    assert place.slots[0].begun == ["second.gguf"]
    assert place.shown() == (True, "second.gguf", False, None)


async def test_the_same_load_asked_for_twice_happens_once_and_answers_both(place: Place) -> None:
    async with place.busy():
        asked = [await place.begin(FIRST), await place.begin(FIRST.model_copy())]
        differs = await place.begin(FIRST.model_copy(update={"vae": "other.gguf"}))
    for each in asked:
        with pytest.raises(LoadReplaced):
            await each
    await differs
    async with place.busy():
        asked = [await place.begin(SECOND), await place.begin(SECOND)]
    assert [(await each).model_name for each in asked] == ["second.gguf"] * 2
    assert place.slots[0].begun == ["first.gguf", "second.gguf"]


async def test_a_load_that_is_refused_for_its_names_takes_nobodys_place(place: Place) -> None:
    async with place.busy():
        first = await place.begin(FIRST)
        with pytest.raises(ModelNotFound):
            await place.model.load(LoadRequest(model_name="unknown.gguf"))
        assert place.shown() == (True, "old.gguf", True, "first.gguf")
    assert (await first).model_name == "first.gguf"
    assert place.model.health(None).last_error is None


async def test_an_unload_takes_the_place_of_a_load_that_waits(place: Place) -> None:
    async with place.busy():
        first = await place.begin(FIRST)
        unloading = asyncio.create_task(place.model.unload())
        await all_others_ran()
        with pytest.raises(LoadReplaced, match="unload"):
            await first
        assert place.shown() == (True, "old.gguf", False, None)
    await unloading
    assert place.slots[0].begun == []
    assert place.shown() == (False, None, False, None)


async def test_a_load_after_an_unload_that_waits_happens_after_it(place: Place) -> None:
    async with place.busy():
        unloading = asyncio.create_task(place.model.unload())
        await all_others_ran()
        first = await place.begin(FIRST)
        second = await place.begin(SECOND)
        with pytest.raises(LoadReplaced):
            await first
        assert place.shown() == (True, "old.gguf", True, "second.gguf")
    await unloading
    await second
    assert place.slots[0].begun == ["second.gguf"]
    assert place.shown() == (True, "second.gguf", False, None)


async def test_the_load_of_a_start_is_replaced_while_it_waits(place: Place) -> None:
    again = Place()
    again.slots[0].end()
    again.preferences.stored = place.preferences.stored
    async with again.busy():
        await again.model.restore()
        await all_others_ran()
        assert again.shown() == (False, None, True, "old.gguf")
        first = await again.begin(FIRST)
        assert again.shown() == (False, None, True, "first.gguf")
    await first
    assert again.slots[0].begun == ["first.gguf"]


async def test_the_load_of_a_start_that_has_begun_is_waited_for(place: Place) -> None:
    again = Place()
    again.preferences.stored = place.preferences.stored
    await again.model.restore()
    first = await again.begin(FIRST)
    assert again.shown() == (False, None, True, "old.gguf")
    second = await again.begin(SECOND)
    with pytest.raises(LoadReplaced):
        await first
    again.slots[0].end()
    await second
    assert again.slots[0].begun == ["old.gguf", "second.gguf"]


async def test_loads_behind_that_of_a_start_leave_it_alone_on_all_slots(place: Place) -> None:
    again = Place(FakeSlot("a"), FakeSlot("b"))
    again.preferences.stored = place.preferences.stored
    async with again.busy(again.slots[1]):
        await again.model.restore()
        await all_others_ran()
        first = await again.begin(FIRST)
        second = await again.begin(SECOND)
        with pytest.raises(LoadReplaced):
            await first
        assert again.shown() == (False, None, True, "old.gguf")
        for slot in again.slots:
            slot.end()
        await second
    await all_others_ran()
    assert [slot.begun for slot in again.slots] == [["old.gguf", "second.gguf"], ["second.gguf"]]


async def test_health_shows_the_old_model_at_every_moment_of_a_replacement(place: Place) -> None:
    async with place.busy():
        first = await place.begin(FIRST)
        second = asyncio.create_task(place.model.load(SECOND))
        while not first.done():
            assert place.shown()[:3] == (True, "old.gguf", True)
            await asyncio.sleep(0)
        for _ in range(20):
            assert place.shown() == (True, "old.gguf", True, "second.gguf")
            await asyncio.sleep(0)
    await second
    assert isinstance(first.exception(), LoadReplaced)


async def test_a_job_that_reads_the_same_model_does_not_begin_the_load(place: Place) -> None:
    slot = place.slots[0]
    async with place.busy():
        first = await place.begin(FIRST)
        slot.job_id, slot.loading = "a job", FIRST.model_copy(update={"vae": "vae.gguf"})
        assert place.shown() == (True, "old.gguf", True, "first.gguf")
        await place.begin(SECOND)
        with pytest.raises(LoadReplaced):
            await first
        slot.job_id = slot.loading = None


async def test_a_load_has_begun_as_soon_as_one_of_several_slots_has() -> None:
    place = Place(FakeSlot("a"), FakeSlot("b"))
    async with place.busy(place.slots[1]):
        first = await place.begin(FIRST)
        with pytest.raises(LoadInProgress):
            await place.model.load(SECOND)
        place.slots[0].end()
        place.slots[1].end()
        await first
        # The other one was to follow; now it is to load something else.
        await place.model.load(SECOND)
    await all_others_ran()
    assert [slot.begun for slot in place.slots] == [["first.gguf", "second.gguf"], ["second.gguf"]]


async def test_a_slot_that_failed_leaves_the_load_waiting_for_the_others() -> None:
    place = Place(FakeSlot("a"), FakeSlot("b"))
    place.slots[0].end("no memory")
    place.slots[1].end()
    async with place.busy(place.slots[1]):
        first = await place.begin(FIRST)
        second = await place.begin(SECOND)
        with pytest.raises(LoadReplaced):
            await first
    assert (await second).warnings == ["a: no memory"]
    assert place.slots[1].begun == ["second.gguf"]


async def test_a_load_that_fails_everywhere_leaves_no_model(place: Place) -> None:
    failing = Place()
    failing.slots[0].end("no memory")
    with pytest.raises(LoadFailed):
        await failing.model.load(FIRST)
    assert failing.shown() == (False, None, False, None)
    assert failing.model.health(None).last_error == "no memory"


async def test_what_waits_ends_with_the_server(place: Place) -> None:
    async with place.busy():
        first = await place.begin(FIRST)
        await place.model.close()
        with pytest.raises(asyncio.CancelledError):
            await first
