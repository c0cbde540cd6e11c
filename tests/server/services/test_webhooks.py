"""Webhooks: the ends of jobs, told to the addresses that their requests name."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SCRIPTED, SHORT
from tests.support.server_setup import ServerSetup
from tests.support.videos import LINGBOT
from tests.support.videos import TINY as VIDEO
from tests.support.webhook_receiver import SECRET, Receiver, receiving

UPSCALER = "upscaler.safetensors"
SERVER = ServerSetup(
    scripted=True,
    models=["lingbot"],
    files=[f"esrgan/{UPSCALER}"],
    loads=[SCRIPTED],
    env={
        "SDCPP_WEBHOOKS_ALLOW_PRIVATE": "1",
        "SDCPP_WEBHOOKS_ATTEMPTS": "3",
        "SDCPP_WEBHOOKS_RETRY_DELAY": "0.01",
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_RETRIES": "0",
    },
)
IMAGE = as_base64(picture(16, 16))
JOBS: dict[str, dict[str, Any]] = {
    "txt2img": SHORT,
    "img2img": {**SHORT, "init_image_base64": IMAGE},
    "txt2vid": {**VIDEO, "model": LINGBOT},
    "upscale": {"image_base64": IMAGE},
    "convert": {"input_path": MODEL, "output_type": "f16"},
    "download": {"model_type": "vae", "url": "http://127.0.0.1:9/vae.safetensors"},
    "pull": {"set": "realesrgan-x4plus-anime"},
}
# A job with it waits until it is cancelled.
NEVER = {"not_before": "2999-01-01T00:00:00Z"}
FIELDS = ("webhook_url", "webhook_events", "webhook_secret")


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    server.post("/upscaler/load", {"model_name": UPSCALER})
    return server


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def submit(server: RunningServer, kind: str = "txt2img", **fields: object) -> str:
    path = f"/models/{kind}" if kind in ("download", "pull") else f"/{kind}"
    answer = server.post(path, JOBS[kind] | fields, expect=202)
    return str(answer.get("download_job_id") or answer["job_id"])


def delivered(server: RunningServer, job_id: str, done: Callable[[Any], bool]) -> Any:
    """What the job tells of its webhook, once `done` says so; a delivery is no event of the server."""
    settled = threading.Event()
    for _ in range(600):
        webhook = server.get(f"/queue/{job_id}")["webhook"]
        if done(webhook["deliveries"]):
            return webhook
        settled.wait(0.05)
    raise AssertionError(webhook)


def all_ended(deliveries: list[dict[str, Any]]) -> bool:
    return bool(deliveries) and all(one["state"] != "waiting" for one in deliveries)


@pytest.mark.proves(*(f"{kind}.{field}" for kind in JOBS for field in FIELDS))
@pytest.mark.parametrize("kind", JOBS)
def test_a_job_of_every_kind_is_told_with_a_signature(
    server: RunningServer, receiver: Receiver, kind: str
) -> None:
    path = f"/every/{kind}"
    job_id = submit(
        server,
        kind,
        **NEVER,
        webhook_url=receiver.url + path,
        webhook_events=["cancelled"],
        webhook_secret=SECRET,
    )
    server.http.delete(f"/queue/{job_id}").raise_for_status()
    (told,) = receiver.wait_for(path)
    assert told.headers["webhook-signature"] == told.expected_signature
    assert told.headers["content-type"] == "application/json"
    webhook = delivered(server, job_id, all_ended)
    job = server.get(f"/queue/{job_id}")
    assert told.message["type"] == "job.cancelled"
    assert told.message["data"] == {k: v for k, v in job.items() if k not in ("webhook", "inputs")}
    assert webhook == {
        "url": f"{receiver.url}/***",
        "events": ["cancelled"],
        "signed": True,
        "deliveries": [{"event": "cancelled", "state": "delivered", "attempts": 1}],
    }


def test_a_job_that_ended_well_is_told_unsigned_where_no_secret_was_given(
    server: RunningServer, receiver: Receiver
) -> None:
    job_id = submit(server, webhook_url=f"{receiver.url}/well?token=a")
    (told,) = receiver.wait_for("/well")
    assert told.path == "/well?token=a"
    assert told.message["type"] == "job.completed"
    assert told.message["data"]["job_id"] == job_id
    assert told.message["data"]["outputs"] == [f"{job_id}/image_0.png"]
    assert told.headers["webhook-id"].startswith("msg_")
    assert "webhook-signature" not in told.headers


def test_a_job_that_failed_is_told_with_its_error(server: RunningServer, receiver: Receiver) -> None:
    submit(server, "download", webhook_url=f"{receiver.url}/failed")
    (told,) = receiver.wait_for("/failed")
    assert told.message["type"] == "job.failed"
    assert "127.0.0.1:9" in told.message["data"]["error"]


def test_only_the_states_that_were_asked_for_are_told(server: RunningServer, receiver: Receiver) -> None:
    job_id = submit(server, webhook_url=f"{receiver.url}/begun", webhook_events=["processing"])
    server.wait_for_job(job_id)
    webhook = delivered(server, job_id, all_ended)
    assert [one["event"] for one in webhook["deliveries"]] == ["processing"]
    (told,) = receiver.at("/begun")
    assert told.message["type"] == "job.processing"


def test_a_message_that_was_not_taken_is_sent_again_unchanged(
    server: RunningServer, receiver: Receiver
) -> None:
    url = receiver.answer("/again", 500, 429, 200)
    job_id = submit(server, webhook_url=url, webhook_secret=SECRET)
    sent = receiver.wait_for("/again", 3)
    assert len({one.headers["webhook-id"] for one in sent}) == 1
    assert len({one.body for one in sent}) == 1
    assert all(one.headers["webhook-signature"] == one.expected_signature for one in sent)
    (delivery,) = delivered(server, job_id, all_ended)["deliveries"]
    assert delivery == {"event": "completed", "state": "delivered", "attempts": 3}


def test_a_message_is_given_up_after_so_many_attempts_and_the_job_says_so(
    server: RunningServer, receiver: Receiver
) -> None:
    job_id = submit(server, webhook_url=receiver.answer("/never", *[500] * 9))
    (delivery,) = delivered(server, job_id, all_ended)["deliveries"]
    assert (delivery["state"], delivery["attempts"]) == ("failed", 3)
    assert delivery["error"] == "It answered 500 (given up after 3 attempts)"
    assert server.get(f"/queue/{job_id}")["status"] == "completed"


def test_a_receiver_that_wants_nothing_more_is_not_asked_again(
    server: RunningServer, receiver: Receiver
) -> None:
    job_id = submit(server, webhook_url=receiver.answer("/gone", 410))
    (delivery,) = delivered(server, job_id, all_ended)["deliveries"]
    assert (delivery["state"], delivery["attempts"]) == ("failed", 1)


def test_a_redirect_is_not_followed(server: RunningServer, receiver: Receiver) -> None:
    elsewhere = f"{receiver.url}/elsewhere"
    job_id = submit(server, webhook_url=receiver.answer("/moved", *[307] * 9, Location=elsewhere))
    (delivery,) = delivered(server, job_id, all_ended)["deliveries"]
    assert delivery["error"].startswith("It answered 307")
    assert receiver.at("/elsewhere") == []


def test_a_receiver_that_is_not_there_is_told_without_its_address(server: RunningServer) -> None:
    job_id = submit(server, webhook_url="http://127.0.0.1:9/hook-with-a-secret?key=very-secret")
    (delivery,) = delivered(server, job_id, all_ended)["deliveries"]
    assert "127.0.0.1:9" in delivery["error"]
    assert "secret" not in delivery["error"]


def test_a_message_waits_while_the_receiver_asks_for_time(server: RunningServer, receiver: Receiver) -> None:
    url = receiver.answer("/later", 503, Retry_After="3000")
    job_id = submit(server, webhook_url=url)
    (delivery,) = delivered(server, job_id, lambda found: bool(found) and found[0]["attempts"] == 1)[
        "deliveries"
    ]
    assert (delivery["state"], delivery["error"]) == ("waiting", "It answered 503")
    assert delivery["next_attempt_at"]


def test_a_receiver_that_does_not_answer_holds_up_no_job_and_no_other_receiver(
    server: RunningServer, receiver: Receiver
) -> None:
    held = receiver.held["/slow"] = threading.Event()
    try:
        submit(server, webhook_url=f"{receiver.url}/slow")
        receiver.wait_for("/slow")
        submit(server, webhook_url=f"{receiver.url}/quick")
        receiver.wait_for("/quick")
    finally:
        held.set()


def test_no_secret_of_a_webhook_is_shown_anywhere(server: RunningServer, receiver: Receiver) -> None:
    url = f"{receiver.url}/path-of-the-hook?token=token-of-the-hook"
    with server.events() as events:
        job_id = submit(server, webhook_url=url, webhook_secret=SECRET)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
        heard = str(events.heard)
    delivered(server, job_id, all_ended)
    shown = [
        heard,
        str(server.get(f"/queue/{job_id}")),
        str(server.get("/queue")),
        str(server.get(f"/output/{job_id}/config.json")),
        "\n".join(server.log),
        receiver.at("/path-of-the-hook")[0].body.decode(),
    ]
    for text in shown:
        for secret in ("path-of-the-hook", "token-of-the-hook", SECRET.removeprefix("whsec_")):
            assert secret not in text


BAD: list[tuple[dict[str, object], str | None]] = [
    ({"webhook_url": 5}, "webhook_url"),
    ({"webhook_url": ""}, "webhook_url"),
    ({"webhook_url": "x" * 2001}, "webhook_url"),
    ({"webhook_url": "ftp://example.com/"}, "webhook_url"),
    ({"webhook_url": "not an address"}, "webhook_url"),
    ({"webhook_url": "http://"}, "webhook_url"),
    ({"webhook_url": "http://user:pass@example.com/"}, "webhook_url"),
    ({"webhook_url": "http://127.0.0.1:1/", "webhook_events": []}, "webhook_events"),
    ({"webhook_url": "http://127.0.0.1:1/", "webhook_events": ["ended"]}, "webhook_events.0"),
    ({"webhook_url": "http://127.0.0.1:1/", "webhook_events": "completed"}, "webhook_events"),
    ({"webhook_url": "http://127.0.0.1:1/", "webhook_secret": "a-short-secret"}, "webhook_secret"),
    ({"webhook_url": "http://127.0.0.1:1/", "webhook_secret": "whsec_c2hvcnQ="}, "webhook_secret"),
    ({"webhook_url": "http://127.0.0.1:1/", "webhook_secret": 5}, "webhook_secret"),
    ({"webhook_secret": SECRET}, None),
    ({"webhook_events": ["completed"]}, None),
]


@pytest.mark.parametrize(("fields", "at_fault"), BAD, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("path", ["/txt2img", "/plan"])
def test_a_webhook_that_could_not_be_told_is_refused_by_its_field(
    server: RunningServer, path: str, fields: dict[str, object], at_fault: str | None
) -> None:
    before = server.get("/queue", limit=1)["total_count"]
    answer = server.http.post(path, json={**SHORT, **fields})
    assert answer.status_code == 400, answer.text
    assert answer.json().get("field") == at_fault
    assert "webhook_" in answer.json()["error"]
    for secret in ("a-short-secret", "pass@", "c2hvcnQ", SECRET):
        assert secret not in answer.text
    assert server.get("/queue", limit=1)["total_count"] == before


def test_a_job_that_is_deleted_for_good_takes_its_webhook_with_it(
    server: RunningServer, receiver: Receiver
) -> None:
    job_id = submit(server, webhook_url=f"{receiver.url}/purged", webhook_secret=SECRET)
    server.wait_for_job(job_id)
    delivered(server, job_id, all_ended)
    body = {"job_ids": [job_id], "purge": True}
    server.http.request("DELETE", "/queue/jobs", json=body).raise_for_status()
    with sqlite3.connect(server.data_dir / "sdcpp.db") as database:
        for table in ("webhooks", "webhook_messages"):
            found = database.execute(f"SELECT count(*) FROM {table} WHERE job_id = ?", (job_id,))  # noqa: S608
            assert found.fetchone() == (0,)
    database.close()


def test_what_was_not_told_is_told_after_a_restart(server: RunningServer, receiver: Receiver) -> None:
    held = receiver.held["/restart"] = threading.Event()
    try:
        job_id = submit(server, webhook_url=f"{receiver.url}/restart")
        receiver.wait_for("/restart")
        server.stop()
        held.set()
        server.start()
        first, again = receiver.wait_for("/restart", 2)
        assert first.headers["webhook-id"] == again.headers["webhook-id"]
        (delivery,) = delivered(server, job_id, all_ended)["deliveries"]
        assert delivery == {"event": "completed", "state": "delivered", "attempts": 1}
    finally:
        held.set()
