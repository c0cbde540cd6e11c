"""The queue's store on a database of its own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.ordering import ClaimingSlot, OrderingRules
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.required_files import NOTHING, RequiredFiles


class Line:
    """A store; jobs have their prompt for a name."""

    def __init__(self, database: Database, rules: OrderingRules) -> None:
        self.database = database
        self.store = JobStore(database, rules)

    async def add(
        self, name: str, model: str | None = None, needs: RequiredFiles = NOTHING, **turn: object
    ) -> str:
        """Submit a job; its id."""
        request = Txt2ImgRequest.model_validate({"prompt": name, **turn})
        job = NewJob(type="txt2img", params=request, model=loading(model), required_files=needs)
        await self.store.insert(job)
        return job.id

    async def claim(self, holds: str | None = None, able: list[str] | None = None) -> str:
        """Claim a job; its name, "" = there is none."""
        held = loading(holds)
        slot = ClaimingSlot(holds=(held,) if held else (), able=able)
        job = await self.store.claim("engine", slot)
        return job.params.prompt if job else ""  # type: ignore[union-attr]

    async def claim_all(self) -> list[str]:
        """The names of all jobs in line, in their order."""
        names = []
        while name := await self.claim():
            names.append(name)
        return names


def loading(model: str | None) -> LoadRequest | None:
    """How a model is loaded."""
    return LoadRequest(model_name=model) if model else None


OpenLine = Callable[..., Line]


@pytest.fixture
async def open_line(tmp_path: Path) -> AsyncIterator[OpenLine]:
    """Opens the database of the test, each time by the rules that are given."""
    database = await Database.open(tmp_path / "test.db")
    yield lambda **rules: Line(database, OrderingRules(**rules))
    await database.close()
