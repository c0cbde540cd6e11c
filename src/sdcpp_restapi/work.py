"""The process of a worker: the lock, the log, signals, and an orderly end."""

import asyncio
from contextlib import AsyncExitStack, suppress

from .assembly.worker import open_worker
from .config import Settings
from .lock import DataDirectoryLock
from .logs import configure
from .os_support import call_on_ending_signals


async def work(settings: Settings) -> None:
    """Work until SIGINT, SIGTERM or SIGHUP.

    Raises DataDirectoryBusy, CredentialsUnusable and NameTaken before any job is taken.
    """
    working = asyncio.create_task(_work(settings))
    call_on_ending_signals(asyncio.get_running_loop(), working.cancel)
    with suppress(asyncio.CancelledError):
        await working


async def _work(settings: Settings) -> None:
    lock = DataDirectoryLock.take(settings.paths.data_dir, 0)
    try:
        configure(settings.logging, settings.paths.data_dir)
        async with AsyncExitStack() as stack:
            worker = await open_worker(settings, stack)
            await worker.run()
    finally:
        lock.release()
