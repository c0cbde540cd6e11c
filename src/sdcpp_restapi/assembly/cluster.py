"""The server's side of the cluster."""

from contextlib import AsyncExitStack

from ..cluster.abroad import Abroad
from ..cluster.files import FileBox
from ..cluster.head import Head
from ..cluster.inbox import Inbox
from ..cluster.link import Link
from ..cluster.remote_slot import Desk
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
    head = Head(link, inbox, desk, Crew(base.queue, runners, engine.fleet), base.bus, engine.revision, own)
    abroad.workers = head
    head.resume(await base.queue.with_workers())
    return head
