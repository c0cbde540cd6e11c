"""Loading into several slots; what they hold is pretended, since real ones never fail in a chosen order."""

import asyncio

import pytest

from sdcpp_restapi.errors import LoadFailed, NoSlot
from sdcpp_restapi.slots.dispatch import Dispatcher
from sdcpp_restapi.slots.pool import SlotPool

from .fake_slot import REQUEST, FakeSlot


def pool_of(*slots: FakeSlot) -> SlotPool:
    dispatcher = Dispatcher(alone=True, wake=lambda: None)
    for slot in slots:
        dispatcher.add(slot)
    return SlotPool(dispatcher)


async def all_others_ran() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_load_answers_when_the_first_slot_has_it_with_the_failures_until_then() -> None:
    slots = [FakeSlot("a"), FakeSlot("b"), FakeSlot("c")]
    pool = pool_of(*slots)
    load = asyncio.create_task(pool.load(REQUEST))
    await all_others_ran()
    assert pool.is_first_load(REQUEST)
    slots[1].end("no memory")
    await all_others_ran()
    assert not load.done()
    slots[2].end()
    assert (await load).warnings == ["b: no memory"]
    assert pool.loading == REQUEST  # a follows
    assert not pool.is_first_load(REQUEST)
    slots[0].end("it broke")
    await all_others_ran()
    assert pool.problem == "a: it broke"
    assert [view.model_name for view in pool.views()] == [None, None, "m.gguf"]


async def test_a_load_that_fails_everywhere_fails_as_the_first_one_did() -> None:
    slots = [FakeSlot("a"), FakeSlot("b")]
    load = asyncio.create_task(pool_of(*slots).load(REQUEST))
    await all_others_ran()
    slots[1].end("no memory")
    await all_others_ran()
    slots[0].end("it broke")
    with pytest.raises(LoadFailed, match="no memory"):
        await load


async def test_a_load_goes_only_where_the_files_are() -> None:
    here, there = FakeSlot("here", has_files=False), FakeSlot("there")
    there.end()
    assert (await pool_of(here, there).load(REQUEST)).warnings is None
    assert here.loading is None
    with pytest.raises(NoSlot, match=r"engine\.devices"):
        await pool_of(here).load(REQUEST)


async def test_loads_that_follow_end_with_the_pool() -> None:
    first, second = FakeSlot("a"), FakeSlot("b")
    pool = pool_of(first, second)
    first.end()
    await pool.load(REQUEST)
    assert not second.broken_off
    await pool.close()
    assert second.broken_off
