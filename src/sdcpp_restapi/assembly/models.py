"""The models on disk, and all that is known of them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..background import BackgroundTasks
from ..config import Settings
from ..db import Database
from ..models.allowed_paths import AllowedPaths
from ..models.catalog import Catalog
from ..models.component_resolver import ComponentResolver
from ..models.components import Components
from ..models.embeddings import Embeddings
from ..models.file_copies import FileCopies
from ..models.hash_cache import HashCache
from ..models.hashing import Hasher
from ..models.header_cache import HeaderCache
from ..models.inspector import Inspector
from ..models.library import ModelLibrary, RemoteModels
from ..models.lora_check import LoraCheck
from ..models.lora_files import LayerReader, LoraFiles
from ..models.model_uses import ModelUses
from ..slots.memory_ladder import MemoryRungs
from ..slots.past_loads import PastLoads

# What copies of model files in other forms may take.
MOST_EMBEDDING_BYTES = 2**30
MOST_LORA_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Models:
    """What a machine has; a server's also knows what its workers have."""

    catalog: Catalog
    headers: HeaderCache
    library: ModelLibrary
    lora_files: LoraFiles
    inspector: Inspector
    hasher: Hasher
    digests: HashCache
    uses: ModelUses
    paths: AllowedPaths
    past_loads: PastLoads
    rungs: MemoryRungs


async def open_models(
    settings: Settings, database: Database, remote: RemoteModels, stack: AsyncExitStack
) -> Models:
    """The catalog with the hashes and headers that earlier runs stored; model folders are not read yet."""
    digests = await HashCache.read(database)
    catalog = Catalog(settings.paths.model_folders(), digests=digests)
    hasher = Hasher(catalog, digests)
    stack.push_async_callback(hasher.close)
    headers = await HeaderCache.read(database)
    layers = LayerReader(catalog)
    data_dir = settings.paths.data_dir
    embedding_copies = FileCopies(data_dir / "embeddings", MOST_EMBEDDING_BYTES)
    lora_copies = FileCopies(data_dir / "loras", MOST_LORA_BYTES)
    stale = BackgroundTasks()
    stack.push_async_callback(stale.finish)
    for copies in (embedding_copies, lora_copies):
        stale.spawn(asyncio.to_thread(copies.sweep))
    components = Components(catalog, headers)
    resolver = ComponentResolver(catalog=catalog, headers=headers, components=components)
    return Models(
        catalog=catalog,
        headers=headers,
        library=ModelLibrary(
            catalog=catalog,
            resolver=resolver,
            headers=headers,
            lora_check=LoraCheck(catalog, headers, layers),
            embeddings=Embeddings(catalog=catalog, headers=headers, copies=embedding_copies),
            remote=remote,
            engine_here=settings.engine.devices != [],
        ),
        lora_files=LoraFiles(catalog, layers, lora_copies),
        inspector=Inspector(
            catalog=catalog, headers=headers, components=components, resolver=resolver, remote=remote
        ),
        hasher=hasher,
        digests=digests,
        uses=ModelUses(catalog=catalog, headers=headers, components=components),
        paths=AllowedPaths(catalog, settings.paths.convert_dirs),
        past_loads=PastLoads(database),
        rungs=MemoryRungs(database),
    )
