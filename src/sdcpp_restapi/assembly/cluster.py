"""The server's side of the cluster."""

from contextlib import AsyncExitStack

from ..cluster.abroad import Abroad
from ..cluster.files import FileBox
from ..cluster.head import Head
from ..cluster.inbox import Inbox
from ..cluster.link import Link
from ..cluster.remote_slot import Desk
from ..cluster.roster import Roster
from ..cluster.sweeper import Sweeper
from ..config import Settings
from ..jobs.runner import Runners
from .base import Base
from .crew import Crew
from .engine import Engine


async def open_head(
    settings: Settings, base: Base, engine: Engine, abroad: Abroad, runners: Runners, stack: AsyncExitStack
) -> Head | None:
    """Begin to reach the broker, and go on with what workers do since the last run; None without a broker."""
    own = settings.cluster
    if not own.urls:
        return None
    link = Link.open(own, "server")
    stack.push_async_callback(link.close)
    files = FileBox(link)
    stack.push_async_callback(files.close)
    inbox = Inbox()
    desk = Desk(
        link,
        inbox,
        files,
        settings.paths.output_dir,
        base.inputs.files,
        lambda: base.preview.current,
        own.load_timeout,
    )
    sweeper = Sweeper(files, inbox)
    crew = Crew(base.queue, runners, engine.fleet)
    roster = Roster(desk, crew, base.bus, engine.revision, sweeper.call, own)
    abroad.workers = roster
    roster.resume(await base.queue.with_workers())
    return Head(link, inbox, roster, sweeper, base.bus, look_every=min(own.lost_after / 5, 1.0))
