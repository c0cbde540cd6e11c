"""Loading into several slots; what they hold is pretended, since real ones never fail in a chosen order."""

import asyncio

import pytest

from sdcpp_restapi.errors import LoadFailed, NoSlot
from sdcpp_restapi.schemas.events import ModelLoaded, UpscalerLoaded
from sdcpp_restapi.schemas.models import LoadedComponents, LoadedSlot, LoadRequest
from sdcpp_restapi.schemas.required_files import RequiredFiles
from sdcpp_restapi.schemas.upscaling import UpscalerRequest
from sdcpp_restapi.slots.pool import SlotPool

REQUEST = LoadRequest(model_name="m.gguf")


class Pretended:
    """A slot whose load ends when `end` is called."""

    problem: str | None = None

    def __init__(self, name: str, has_files: bool = True) -> None:
        self.name = name
        self.loading: LoadRequest | None = None
        self.holds: str | None = None
        self._has_files = has_files
        self._said: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def end(self, error: str | None = None) -> None:
        self._said.set_result(error)

    @property
    def broken_off(self) -> bool:
        return self._said.cancelled()

    def view(self) -> LoadedSlot:
        return LoadedSlot(device=self.name, model_name=self.holds)

    async def can_run(self, needs: RequiredFiles) -> bool:
        return self._has_files

    async def load_on_request(self, request: LoadRequest) -> ModelLoaded:
        self.loading = request
        error = await self._said
        self.loading = None
        if error:
            raise LoadFailed(error)
        self.holds = request.model_name
        return ModelLoaded(
            model_name=request.model_name,
            model_type=request.model_type,
            model_architecture=None,
            loaded_components=LoadedComponents(),
        )

    async def unload_on_request(self) -> None:
        self.holds = None

    async def load_upscaler_on_request(self, request: UpscalerRequest) -> UpscalerLoaded:
        raise NotImplementedError

    async def unload_upscaler_on_request(self) -> None:
        raise NotImplementedError


def nothing() -> None:
    pass


async def all_others_ran() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_load_answers_when_the_first_slot_has_it_with_the_failures_until_then() -> None:
    slots = [Pretended("a"), Pretended("b"), Pretended("c")]
    pool = SlotPool(slots, nothing)
    load = asyncio.create_task(pool.load(REQUEST))
    await all_others_ran()
    assert pool.awaits(REQUEST)
    slots[1].end("no memory")
    await all_others_ran()
    assert not load.done()
    slots[2].end()
    assert (await load).warnings == ["b: no memory"]
    assert pool.loading == REQUEST  # a follows
    assert not pool.awaits(REQUEST)
    slots[0].end("it broke")
    await all_others_ran()
    assert pool.problem == "a: it broke"
    assert [view.model_name for view in pool.views()] == [None, None, "m.gguf"]


async def test_a_load_that_fails_everywhere_fails_as_the_first_one_did() -> None:
    slots = [Pretended("a"), Pretended("b")]
    load = asyncio.create_task(SlotPool(slots, nothing).load(REQUEST))
    await all_others_ran()
    slots[1].end("no memory")
    await all_others_ran()
    slots[0].end("it broke")
    with pytest.raises(LoadFailed, match="no memory"):
        await load


async def test_a_load_goes_only_where_the_files_are() -> None:
    here, there = Pretended("here", has_files=False), Pretended("there")
    there.end()
    assert (await SlotPool([here, there], nothing).load(REQUEST)).warnings is None
    assert here.loading is None
    with pytest.raises(NoSlot, match=r"engine\.devices"):
        await SlotPool([here], nothing).load(REQUEST)


async def test_loads_that_follow_end_with_the_fleet() -> None:
    first, second = Pretended("a"), Pretended("b")
    pool = SlotPool([first, second], nothing)
    first.end()
    await pool.load(REQUEST)
    assert not second.broken_off
    await pool.close()
    assert second.broken_off


async def test_slots_come_and_go() -> None:
    one, other = Pretended("a"), Pretended("b")
    pool = SlotPool([one], nothing)
    one.problem = "no such device"
    assert not pool.defers_to_working_slot(one)
    pool.add(other)
    assert pool.defers_to_working_slot(one)
    assert not pool.defers_to_working_slot(other)
    pool.remove(one)
    assert [view.device for view in pool.views()] == ["b"]
