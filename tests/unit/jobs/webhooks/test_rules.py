"""Which webhooks are refused when a job is submitted."""

import pytest

from sdcpp_restapi.config import Webhooks
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.jobs.webhooks.rules import WebhookRules
from sdcpp_restapi.schemas.webhooks import WebhookFields


def asking(url: str) -> WebhookFields:
    return WebhookFields(webhook_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/hook",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/",
    ],
)
async def test_an_address_of_this_machine_or_a_private_network_needs_the_setting(url: str) -> None:
    with pytest.raises(BadRequest, match=r"^webhook_url: .* the setting webhooks\.allow_private") as refused:
        await WebhookRules(Webhooks()).check(asking(url))
    assert refused.value.field == "webhook_url"
    await WebhookRules(Webhooks(allow_private=True)).check(asking(url))


@pytest.mark.parametrize("url", ["https://1.1.1.1/hook", "https://nobody.invalid/hook"])
async def test_a_public_address_is_taken_and_a_name_that_is_not_known_yet(url: str) -> None:
    await WebhookRules(Webhooks()).check(asking(url))


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "example.com/hook", "https://", "https://a:b@example.com/"]
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match=r"^webhook_url: "):
        await WebhookRules(Webhooks(allow_private=True)).check(asking(url))


async def test_webhooks_that_are_switched_off_are_refused_and_other_requests_are_not() -> None:
    rules = WebhookRules(Webhooks(enabled=False))
    with pytest.raises(BadRequest, match=r"switched off \(setting webhooks\.enabled\)"):
        await rules.check(asking("https://1.1.1.1/"))
    await rules.check(WebhookFields())
