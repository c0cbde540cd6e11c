"""Getting models from other servers."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..downloads.addresses import Addresses
from ..downloads.civitai import Civitai
from ..downloads.executor import DownloadExecutor
from ..downloads.huggingface import HuggingFace
from ..downloads.orders import Orders
from ..downloads.parts import PartFolder
from ..downloads.patience import Patience
from ..downloads.sources import Sources
from ..downloads.web import Token, Web
from .base import Base
from .library import Library


@dataclass(frozen=True)
class Downloads:
    """Orders and who carries them out."""

    orders: Orders
    sources: Sources
    executor: DownloadExecutor


async def open_downloads(
    settings: Settings, base: Base, library: Library, stack: AsyncExitStack
) -> Downloads:
    """Nothing is asked of anybody yet."""
    own = settings.downloads
    tokens = [
        Token(own.civitai_url, own.civitai_token, "downloads.civitai_token"),
        Token(own.huggingface_url, own.huggingface_token, "downloads.huggingface_token"),
    ]
    web = Web(Addresses(own.allow_private), tokens, own.timeout)
    stack.push_async_callback(web.close)
    sources = Sources(Civitai(web, own.civitai_url), HuggingFace(web, own.huggingface_url))
    catalog = library.catalog
    executor = DownloadExecutor(
        web,
        sources,
        PartFolder(settings.paths.data_dir / "downloads"),
        catalog.folders,
        Patience(own.retries, own.retry_delay),
        library.hasher.remember,
        catalog.refresh,
    )
    await executor.sweep(base.queue.unfinished)
    return Downloads(Orders(base.queue, web, catalog.folders), sources, executor)
