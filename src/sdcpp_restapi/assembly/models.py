"""The models on disk, and all that is known of them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..db import Database
from ..models.allowed_paths import AllowedPaths
from ..models.catalog import Catalog
from ..models.component_resolver import ComponentResolver
from ..models.components import Components
from ..models.embeddings import Embeddings
from ..models.hash_cache import HashCache
from ..models.hashing import Hasher
from ..models.header_cache import HeaderCache
from ..models.inspector import Inspector
from ..models.library import ModelLibrary, RemoteModels
from ..models.lora_check import LoraCheck
from ..slots.past_loads import PastLoads


@dataclass(frozen=True)
class Models:
    """What a machine has; a server's also knows what its workers have."""

    catalog: Catalog
    headers: HeaderCache
    library: ModelLibrary
    inspector: Inspector
    hasher: Hasher
    paths: AllowedPaths
    past_loads: PastLoads


async def open_models(
    settings: Settings, database: Database, remote: RemoteModels, stack: AsyncExitStack
) -> Models:
    """The catalog with the hashes and headers that earlier runs stored; model folders are not read yet."""
    digests = await HashCache.read(database)
    catalog = Catalog(settings.paths.model_folders(), digests=digests)
    hasher = Hasher(catalog, digests)
    stack.push_async_callback(hasher.close)
    headers = await HeaderCache.read(database)
    components = Components(catalog, headers)
    resolver = ComponentResolver(catalog=catalog, headers=headers, components=components)
    return Models(
        catalog=catalog,
        headers=headers,
        library=ModelLibrary(
            catalog=catalog,
            resolver=resolver,
            headers=headers,
            lora_check=LoraCheck(catalog, headers),
            embeddings=Embeddings(
                catalog=catalog, headers=headers, folder=settings.paths.data_dir / "embeddings"
            ),
            remote=remote,
            engine_here=settings.engine.devices != [],
        ),
        inspector=Inspector(
            catalog=catalog, headers=headers, components=components, resolver=resolver, remote=remote
        ),
        hasher=hasher,
        paths=AllowedPaths(catalog, settings.paths.convert_dirs),
        past_loads=PastLoads(database),
    )
