"""Downloads of models: the HTTP client, the sources, what submits jobs and what runs them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..downloads.address_rules import AddressRules
from ..downloads.executor import DownloadExecutor
from ..downloads.http_client import HttpClient
from ..downloads.part_files import PartFolder
from ..downloads.retry_policy import RetryPolicy
from ..downloads.sources.registry import Sources, create_tokens
from ..jobs.submit.download import DownloadSubmission
from .base import Base
from .models import Models


@dataclass(frozen=True)
class Downloads:
    """What submits download jobs, what they are looked up in, and what runs them."""

    submission: DownloadSubmission
    sources: Sources
    executor: DownloadExecutor


async def open_downloads(settings: Settings, base: Base, models: Models, stack: AsyncExitStack) -> Downloads:
    """Open all of it without a request to other servers; part files of jobs that will not run are deleted."""
    own = settings.downloads
    client = HttpClient(AddressRules(own.allow_private), tokens=create_tokens(own), timeout=own.timeout)
    stack.push_async_callback(client.close)
    sources = Sources(client, own)
    catalog = models.catalog
    executor = DownloadExecutor(
        client=client,
        sources=sources,
        parts=PartFolder(settings.paths.data_dir / "downloads"),
        folders=catalog.folders,
        retry_policy=RetryPolicy(own.retries, own.retry_delay),
        remember_hash=models.hasher.remember,
        refresh_catalog=catalog.refresh,
    )
    await executor.sweep(base.queue.unfinished)
    submission = DownloadSubmission(queue=base.queue, sources=sources, folders=catalog.folders)
    return Downloads(submission=submission, sources=sources, executor=executor)
