"""Getting models from other servers."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..downloads.address_rules import AddressRules
from ..downloads.executor import DownloadExecutor
from ..downloads.http_client import HttpClient, Token
from ..downloads.part_files import PartFolder
from ..downloads.retry_policy import RetryPolicy
from ..downloads.sources.civitai import Civitai
from ..downloads.sources.huggingface import HuggingFace
from ..downloads.sources.registry import Sources
from ..jobs.submit.download import DownloadSubmission
from .base import Base
from .models import Models


@dataclass(frozen=True)
class Downloads:
    """Orders and who carries them out."""

    submission: DownloadSubmission
    sources: Sources
    executor: DownloadExecutor


async def open_downloads(settings: Settings, base: Base, models: Models, stack: AsyncExitStack) -> Downloads:
    """Nothing is asked of anybody yet."""
    own = settings.downloads
    tokens = [
        Token(own.civitai_url, own.civitai_token, "downloads.civitai_token"),
        Token(own.huggingface_url, own.huggingface_token, "downloads.huggingface_token"),
    ]
    web = HttpClient(AddressRules(own.allow_private), tokens, own.timeout)
    stack.push_async_callback(web.close)
    sources = Sources(Civitai(web, own.civitai_url), HuggingFace(web, own.huggingface_url))
    catalog = models.catalog
    executor = DownloadExecutor(
        web,
        sources,
        PartFolder(settings.paths.data_dir / "downloads"),
        catalog.folders,
        RetryPolicy(own.retries, own.retry_delay),
        models.hasher.remember,
        catalog.refresh,
    )
    await executor.sweep(base.queue.unfinished)
    return Downloads(
        DownloadSubmission(queue=base.queue, client=web, folders=catalog.folders), sources, executor
    )
