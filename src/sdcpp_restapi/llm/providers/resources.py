"""What providers need to answer: the chat model and the models of this machine, or TLS for other servers."""

import asyncio
import ssl

from ...models.catalog import Catalog
from ..local.chat_model_slot import ChatModelSlot

# Seconds until another server must have taken a connection; its answer may take as long as the caller waits.
CONNECT_TIMEOUT = 10.0


class ProviderResources:
    """Shared by all providers that are opened."""

    def __init__(self, slot: ChatModelSlot, catalog: Catalog) -> None:
        self.slot = slot
        self.catalog = catalog
        self._tls: ssl.SSLContext | None = None

    async def load_tls(self) -> ssl.SSLContext:
        """The certificates to trust, read once, in a thread: it takes a tenth of a second."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(_create_tls)
        return self._tls


def _create_tls() -> ssl.SSLContext:
    import httpx  # slow to import

    return httpx.create_ssl_context()
