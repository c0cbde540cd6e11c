"""Settings: from flags, then the environment (SDCPP_SECTION_NAME), then a TOML file, then these defaults.

Frozen once read. What a user may change while the server runs lives in preferences.py instead.
"""

from .engine import Engine, Llm, Preview
from .jobs import Generation, Limits, Queue, Retention
from .network import Cluster, Compat, Downloads, Webhooks
from .paths import Paths
from .section import Section
from .server import Logging, Server
from .settings import Settings, read_settings
from .users import Users

__all__ = [
    "Cluster",
    "Compat",
    "Downloads",
    "Engine",
    "Generation",
    "Limits",
    "Llm",
    "Logging",
    "Paths",
    "Preview",
    "Queue",
    "Retention",
    "Section",
    "Server",
    "Settings",
    "Users",
    "Webhooks",
    "read_settings",
]
