"""The server's side of the cluster."""

from contextlib import AsyncExitStack

from ..cluster.connection import Link
from ..cluster.object_files import FileBox
from ..cluster.server.attempt_channels import Inbox
from ..cluster.server.listener import Head
from ..cluster.server.registry import Roster
from ..cluster.server.remote_libraries import Abroad
from ..cluster.server.remote_slot import Desk
from ..cluster.server.sweeper import Sweeper
from ..config import Settings
from ..jobs.queue.runner import Runners
from ..slots.registration import Crew
from .base import Base
from .slots import Engine


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
