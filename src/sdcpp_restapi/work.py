"""The process of a worker: the lock, the log, signals, and an orderly end."""

import asyncio
from contextlib import AsyncExitStack, suppress

from .assembly.worker import open_worker
from .config import Settings
from .lock import DataDirectoryLock
from .logs import configure
from .signals import list_ending_signals


async def work(settings: Settings) -> None:
    """Work until SIGINT, SIGTERM or SIGHUP.

    Raises DataDirectoryBusy, CredentialsUnusable and NameTaken before any job is taken.
    """
    working = asyncio.create_task(_work(settings))
    loop = asyncio.get_running_loop()
    for number in list_ending_signals():
        loop.add_signal_handler(number, working.cancel)
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
