"""Rendered answers: built once per revision, however many ask."""

import asyncio
import gc
import weakref
from functools import partial

import pytest

from sdcpp_restapi.api.response_cache import ResponseCache
from sdcpp_restapi.errors import JobNotFound
from sdcpp_restapi.schemas.models import Done


class Page:
    """Something that changes, and that is slow to render."""

    def __init__(self) -> None:
        self.revision = 0
        self.built = 0
        self.ready = asyncio.Event()
        self.responses = ResponseCache()

    async def make(self) -> Done:
        """What the page shows now."""
        self.built += 1
        shown = Done(message=f"revision {self.revision}")
        await self.ready.wait()
        return shown

    async def ask(self) -> bytes:
        """The answer that a client gets."""
        answer = await self.responses.answer(lambda: "page", lambda: self.revision, self.make)
        return bytes(answer.body)


async def test_an_answer_is_built_once_for_all_who_ask_meanwhile() -> None:
    page = Page()
    asking = [asyncio.create_task(page.ask()) for _ in range(20)]
    await asyncio.sleep(0)
    page.ready.set()
    assert len(set(await asyncio.gather(*asking))) == 1
    assert page.built == 1


async def test_who_asks_after_a_change_never_gets_the_older_answer_that_is_being_built() -> None:
    page = Page()
    before = asyncio.create_task(page.ask())
    await asyncio.sleep(0)
    page.revision = 1
    after = [asyncio.create_task(page.ask()) for _ in range(20)]
    await asyncio.sleep(0)
    page.ready.set()
    assert b"revision 0" in await before
    assert all(b"revision 1" in answer for answer in await asyncio.gather(*after))
    assert page.built == 2


async def test_a_failed_build_is_tried_again() -> None:
    page = Page()
    page.ready.set()

    async def broken() -> Done:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        await page.responses.answer(lambda: "page", lambda: 0, broken)
    assert b"revision 0" in await page.ask()


class Address:
    """One of which there is no end."""


async def test_what_could_not_be_built_is_not_kept() -> None:
    responses, address = ResponseCache(), Address()
    kept = weakref.ref(address)

    async def missing() -> Done:
        raise JobNotFound

    with pytest.raises(JobNotFound):
        await responses.answer(partial(_same, address), lambda: 0, missing)
    del address
    gc.collect()
    assert kept() is None


def _same(address: Address) -> Address:
    return address
