"""The event bus: what is encoded, what is kept for clients that come back, and how many times."""

import pytest

from sdcpp_restapi.client_outbox import MOST_WAITING, ClientOutbox
from sdcpp_restapi.events import MOST_KEPT, EventBus, EventFilter, EventMessage
from sdcpp_restapi.requester import REQUESTER, Requester
from sdcpp_restapi.schemas.events import (
    Event,
    EventData,
    EventsLost,
    JobAdded,
    JobCancelled,
    JobDeleted,
    JobProgress,
    ModelUnloaded,
)
from tests.support.job_previews import make_preview

PREVIEW = make_preview()


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[EventData]:
    """The data of every event that is encoded."""
    seen: list[EventData] = []
    dump = Event.model_dump_json

    def dump_noting(self: Event) -> str:
        seen.append(self.data)
        return dump(self)

    monkeypatch.setattr(Event, "model_dump_json", dump_noting)
    return seen


def added(number: int) -> JobAdded:
    return JobAdded(job_id=str(number), type="txt2img", queue_position=number)


async def take(outbox: ClientOutbox[EventMessage], count: int) -> list[EventMessage]:
    return [await outbox.get() for _ in range(count)]


def test_nothing_is_encoded_while_nobody_listens(encoded: list[EventData]) -> None:
    bus = EventBus()
    for data in (added(1), PREVIEW, JobProgress(job_id="a")):
        bus.publish(data)
    assert encoded == []


async def test_an_event_is_encoded_once_for_all_clients(encoded: list[EventData]) -> None:
    bus = EventBus()
    outboxes = [bus.subscribe() for _ in range(3)]
    bus.publish(added(1))
    texts = {(await outbox.get()).text for outbox in outboxes}
    late = bus.subscribe(last_id=(await one_id(bus, outboxes[0])))
    bus.publish(added(3))
    texts.add((await late.get()).text)
    assert len(texts) == 2
    assert len(encoded) == 2


async def one_id(bus: EventBus, outbox: ClientOutbox[EventMessage]) -> str:
    """The id of an event that is published now, unread by anybody else."""
    bus.publish(added(2))
    found = (await outbox.get()).id
    assert found is not None
    return found


async def test_a_preview_that_a_newer_one_replaced_is_not_encoded(encoded: list[EventData]) -> None:
    bus = EventBus()
    outbox = bus.subscribe()
    newer = PREVIEW.model_copy(update={"step": 2})
    bus.publish(PREVIEW)
    bus.publish(newer)
    assert (await outbox.get()).text
    assert encoded == [newer]


async def test_what_nobody_wants_is_not_encoded(encoded: list[EventData]) -> None:
    bus = EventBus()
    outbox = bus.subscribe(EventFilter(previews=False))
    bus.publish(PREVIEW)
    bus.publish(added(1))
    assert (await outbox.get()).text
    assert encoded == [added(1)]


async def test_previews_and_progress_are_not_kept(encoded: list[EventData]) -> None:
    bus = EventBus()
    outbox = bus.subscribe()
    first = await one_id(bus, outbox)
    bus.unsubscribe(outbox)
    bus.publish(PREVIEW)
    bus.publish(JobProgress(job_id="a"))
    bus.publish(JobCancelled(job_id="a"))
    again = bus.subscribe(last_id=first)
    bus.publish(JobDeleted(job_id="a", purged=False))
    assert [type(one.data) for one in await take(again, 2)] == [JobCancelled, JobDeleted]


async def test_the_oldest_kept_event_is_the_last_that_can_be_told_again() -> None:
    bus = EventBus()
    outbox = bus.subscribe()
    bus.publish(added(0))
    bus.publish(added(1))
    oldest, next_one = await take(outbox, 2)
    for number in range(2, MOST_KEPT + 1):
        bus.publish(added(number))
    assert len(await take(bus.subscribe(last_id=oldest.id), MOST_KEPT)) == MOST_KEPT
    bus.publish(added(MOST_KEPT + 1))
    lost = await bus.subscribe(last_id=oldest.id).get()
    assert lost.data == EventsLost(last_event_id=oldest.id or "")
    assert (await bus.subscribe(last_id=next_one.id).get()).data == added(2)


async def test_the_id_of_another_run_is_lost_and_the_answer_has_the_newest_of_this_one() -> None:
    bus, other = EventBus(), EventBus()
    listening = other.subscribe()
    bus.publish(added(1))
    lost = await bus.subscribe(last_id=await one_id(other, listening)).get()
    assert isinstance(lost.data, EventsLost)
    again = bus.subscribe(last_id=lost.id)
    bus.publish(added(2))
    assert (await again.get()).data == added(2)


def test_a_number_that_is_still_to_come_is_lost() -> None:
    bus = EventBus()
    future = f"{bus._run}-5"
    assert bus._count_missed(future) is None


async def test_a_filter_for_a_job_lets_only_its_events_through() -> None:
    bus = EventBus()
    outbox = bus.subscribe(EventFilter(job_id="2"))
    for data in (added(1), ModelUnloaded(model_name="m"), added(2)):
        bus.publish(data)
    assert (await outbox.get()).data == added(2)


async def test_an_outbox_that_has_overrun_holds_nothing_more_and_says_so() -> None:
    outbox = ClientOutbox[int]()
    for number in range(MOST_WAITING + 10):
        outbox.put(added(number), number)
    assert len(outbox._waiting) == 0
    with pytest.raises(ConnectionError, match="too slowly"):
        await outbox.get()


async def test_a_closed_outbox_ends_who_waits_for_it() -> None:
    outbox = ClientOutbox[int]()
    outbox.close()
    with pytest.raises(ConnectionError, match="stopped"):
        await outbox.get()


async def test_a_client_hears_of_the_jobs_that_it_may_see_also_when_it_comes_back() -> None:
    bus = EventBus()
    outboxes = {}
    for user in (None, "", "anna"):
        token = REQUESTER.set(Requester(sees=user))
        outboxes[user] = bus.subscribe()
        REQUESTER.reset(token)
    assert bus.list_viewers() == {None, "", "anna"}
    bus.publish(added(1), "anna")
    bus.publish(added(2))
    bus.publish(added(3), "bert")
    bus.publish(ModelUnloaded(model_name="m"))  # about no job
    for user, numbers in ((None, ["1", "2", "3"]), ("", ["2"]), ("anna", ["1"])):
        heard = await take(outboxes[user], len(numbers) + 1)
        assert [getattr(one.data, "job_id", "m") for one in heard] == [*numbers, "m"]
    token = REQUESTER.set(Requester(sees="bert"))
    again = bus.subscribe(last_id=f"{bus._run}-0")
    REQUESTER.reset(token)
    assert [getattr(one.data, "job_id", "m") for one in await take(again, 2)] == ["3", "m"]
