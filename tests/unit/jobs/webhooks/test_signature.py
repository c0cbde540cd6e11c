"""Signatures of webhooks."""

import pytest

from sdcpp_restapi.jobs.webhooks.signature import sign
from sdcpp_restapi.schemas.webhooks import decode_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_standard_webhooks_gets_its_signature() -> None:
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    message_id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    assert sign(SECRET, message_id, 1614265330, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_may_stand_without_its_prefix() -> None:
    assert decode_secret(SECRET) == decode_secret(SECRET.removeprefix("whsec_"))


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all!", "A" * 92, "ä" * 40])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes in base64"):
        decode_secret(text)
