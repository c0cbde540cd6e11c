"""Downloads of models: the HTTP client, the sources, what submits jobs and what runs them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..downloads.address_rules import AddressRules
from ..downloads.executor import DownloadExecutor
from ..downloads.http_client import HttpClient
from ..downloads.lane import DownloadLane
from ..downloads.lookup.lookups import Lookups, open_lookups
from ..downloads.part_files import PartFolder
from ..downloads.retry_policy import RetryPolicy
from ..downloads.several_files import SeveralFilesExecutor
from ..downloads.sources.registry import Sources, create_tokens
from ..jobs.submit.download import DownloadSubmission
from ..jobs.submit.pull import PullSubmission
from .base import Base
from .model_sets import ModelSets, open_model_sets
from .models import Models
from .slots import Slots


@dataclass(frozen=True)
class Downloads:
    """What submits download jobs, what they are looked up in, and what runs them."""

    submission: DownloadSubmission
    sources: Sources
    lookups: Lookups
    executor: DownloadLane
    model_sets: ModelSets
    pulls: PullSubmission


async def open_downloads(
    settings: Settings, base: Base, models: Models, slots: Slots, stack: AsyncExitStack
) -> Downloads:
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
    model_sets = open_model_sets(settings, base, models, slots, client)
    several = SeveralFilesExecutor(
        client=client,
        sources=sources,
        parts=PartFolder(settings.paths.data_dir / "downloads" / "sets"),
        folders=catalog.folders,
        retry_policy=RetryPolicy(own.retries, own.retry_delay),
        remember_hash=models.hasher.remember,
        refresh_catalog=catalog.refresh,
        finish=model_sets.finisher.finish,
    )
    return Downloads(
        submission=DownloadSubmission(queue=base.queue, sources=sources, folders=catalog.folders),
        sources=sources,
        lookups=open_lookups(client=client, sources=sources, catalog=catalog, uses=models.uses),
        executor=DownloadLane(executor, several),
        model_sets=model_sets,
        pulls=PullSubmission(queue=base.queue, sources=sources, planner=model_sets.planner),
    )
