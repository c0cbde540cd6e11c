"""What tells other servers of jobs."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ..config import Settings
from ..downloads.http_client import HttpClient
from ..jobs.webhooks.rules import WebhookRules
from ..jobs.webhooks.sender import WebhookSender
from ..jobs.webhooks.store import WebhookStore
from .base import Base


@dataclass(frozen=True)
class Webhooks:
    """What may be asked for, where it is stored, and what sends it."""

    rules: WebhookRules
    store: WebhookStore
    sender: WebhookSender


def open_webhooks(settings: Settings, rules: WebhookRules, base: Base, stack: AsyncExitStack) -> Webhooks:
    """Nothing is sent yet."""
    own = settings.webhooks
    client = HttpClient(rules.addresses, tokens=[], timeout=own.timeout)
    stack.push_async_callback(client.close)
    store = WebhookStore(base.database)
    sender = WebhookSender(store=store, client=client, queue=base.queue, bus=base.bus, settings=own)
    return Webhooks(rules, store, sender)
