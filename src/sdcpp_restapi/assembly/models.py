"""The models on disk, and all that is known of them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..db import Database
from ..models.allowed_paths import Places
from ..models.catalog import Catalog
from ..models.component_resolver import Assembler
from ..models.components import Components
from ..models.hash_cache import Digests
from ..models.hashing import Hasher
from ..models.header_cache import Facts
from ..models.inspector import Inspector
from ..models.library import Elsewhere, Everywhere
from ..models.lora_check import LoraCheck
from ..slots.past_loads import PastLoads


@dataclass(frozen=True)
class Library:
    """What a machine has; a server's also knows what its workers have."""

    catalog: Catalog
    facts: Facts
    everywhere: Everywhere
    inspector: Inspector
    hasher: Hasher
    places: Places
    past_loads: PastLoads


async def open_library(
    settings: Settings, database: Database, elsewhere: Elsewhere, stack: AsyncExitStack
) -> Library:
    """Nothing is read yet but what earlier runs wrote down."""
    digests = await Digests.read(database)
    catalog = Catalog(settings.paths.model_folders(), digests=digests)
    hasher = Hasher(catalog, digests)
    stack.push_async_callback(hasher.close)
    facts = await Facts.read(database)
    components = Components(catalog, facts)
    assembler = Assembler(catalog, facts, components)
    everywhere = Everywhere(
        catalog,
        assembler,
        facts,
        LoraCheck(catalog, facts),
        elsewhere,
        engine_here=settings.engine.devices != [],
    )
    inspector = Inspector(catalog, facts, components, assembler, elsewhere)
    places = Places(catalog, settings.paths.convert_dirs)
    return Library(catalog, facts, everywhere, inspector, hasher, places, PastLoads(database))
