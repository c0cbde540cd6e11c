"""Which webhooks a request may have."""

import asyncio
from contextlib import suppress

from ...config import Webhooks
from ...downloads.address_rules import AddressRules
from ...downloads.failures import AddressRefused, TransferInterrupted
from ...downloads.http_client import parse_url
from ...errors import BadRequest
from ...schemas.webhooks import WebhookFields

# Seconds that a name gets to be resolved while the client waits; later it is looked up again anyway.
_LOOKUP = 2.0


class WebhookRules:
    """Refuses addresses that could not be told anything."""

    def __init__(self, settings: Webhooks) -> None:
        self._enabled = settings.enabled
        self.addresses = AddressRules(settings.allow_private, "webhooks.allow_private")

    async def check(self, request: WebhookFields) -> None:
        """Raises BadRequest for an address that would be refused later; a name may be known by then."""
        if request.webhook_url is None:
            return
        if not self._enabled:
            raise BadRequest(
                "webhook_url: webhooks are switched off (setting webhooks.enabled)", field="webhook_url"
            )
        try:
            url = parse_url(request.webhook_url)
            with suppress(TransferInterrupted, TimeoutError):
                async with asyncio.timeout(_LOOKUP):
                    await self.addresses.resolve(url)
        except AddressRefused as error:
            reason = str(error).removeprefix("url: ")
            raise BadRequest(f"webhook_url: {reason}", field="webhook_url") from None
