"""Whether previews are wanted, and who hears them."""

from sdcpp_restapi.client_outbox import ClientOutbox
from sdcpp_restapi.events import EventBus, EventFilter, EventMessage, PreviewDemand
from sdcpp_restapi.schemas.events import JobCancelled
from tests.support.job_previews import make_preview

PREVIEW = make_preview()


async def hear(outbox: ClientOutbox[EventMessage], bus: EventBus) -> str:
    """The first message that comes of a preview and what follows it."""
    bus.publish(PREVIEW)
    bus.publish(JobCancelled(job_id="a"))
    return (await outbox.get()).text


def test_previews_are_wanted_while_one_client_wants_them() -> None:
    bus = EventBus()
    demand = bus.preview_demand
    assert not demand.wanted
    first, blind, second = bus.subscribe(), bus.subscribe(EventFilter(previews=False)), bus.subscribe()
    bus.unsubscribe(first)
    assert demand.wanted
    bus.unsubscribe(second)
    assert not demand.wanted
    bus.unsubscribe(blind)
    assert not demand.wanted


async def test_a_client_that_wants_no_previews_hears_everything_else() -> None:
    bus = EventBus()
    blind, other = bus.subscribe(EventFilter(previews=False)), bus.subscribe()
    assert "job_cancelled" in await hear(blind, bus)
    assert "job_preview" in (await other.get()).text


def test_followers_are_told_of_changes_only() -> None:
    demand = PreviewDemand()
    told: list[bool] = []
    demand.follow(lambda: told.append(demand.wanted))
    for wanted in (False, True, True, False):
        demand.update(wanted)
    assert told == [True, False]
