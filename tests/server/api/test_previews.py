"""Live previews of the real engine: job_preview events."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image
from websockets.exceptions import InvalidStatus

from tests.support.api_document import answer, differences
from tests.support.event_streams import listening
from tests.support.running_server import RunningServer, of_job
from tests.support.server_setup import ServerSetup

DEFAULTS = {"enabled": True, "mode": "tae", "interval": 1, "max_size": 256, "quality": 75}
JOB: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 6, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip

SERVER = ServerSetup(models=["minit2i"], loads=["flux_schnell"])


def previews(server: RunningServer, settings: dict[str, Any], **changed: Any) -> list[dict[str, Any]]:
    """What a job shows of itself with these settings."""
    server.http.put("/preview/settings", json={**DEFAULTS, **settings}).raise_for_status()
    with server.events() as events:
        job_id = server.submit(**JOB | changed)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    last = [m["data"] for m in events.heard if m["event"] == "job_progress"][-1]
    assert last["step"] == last["total_steps"]
    return [m["data"] for m in events.heard if m["event"] == "job_preview"]


def shown(preview: dict[str, Any]) -> Image.Image:
    head, _, text = preview["image"].partition(",")
    assert head == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    assert image.format == "JPEG"
    assert image.size == (preview["width"], preview["height"])
    return image


def test_a_preview_has_the_documented_fields(server: RunningServer) -> None:
    (first, *_) = previews(server, {"mode": "proj"})
    documented = answer("job_preview")["data"]
    assert differences(documented, first) == []
    assert first.keys() == documented.keys() | {"mode", "interval"}
    assert first["frame_count"] == 1
    assert 0 <= first["step"] <= 6


@pytest.mark.proves("preview.mode")
@pytest.mark.parametrize("mode", ["proj", "tae"])
def test_a_preview_is_made_in_the_chosen_mode(server: RunningServer, mode: str) -> None:
    found = previews(server, {"mode": mode})
    assert {preview["mode"] for preview in found} == {mode}
    for preview in found:
        assert len(shown(preview).getcolors(2**16) or []) > 5


def test_a_decoded_preview_is_larger_than_a_projected_one(server: RunningServer) -> None:
    decoded = previews(server, {"mode": "tae"})[0]
    projected = previews(server, {"mode": "proj"})[0]
    assert shown(decoded).size == (64, 64)
    assert decoded["width"] > projected["width"]


@pytest.mark.proves("preview.max_size")
def test_previews_are_no_larger_than_max_size(server: RunningServer) -> None:
    found = previews(server, {"mode": "tae", "max_size": 64}, width=128, height=64, steps=3)
    assert found
    assert {shown(preview).size for preview in found} == {(64, 32)}


@pytest.mark.proves("preview.quality")
def test_a_lower_quality_makes_smaller_previews(server: RunningServer) -> None:
    fine = previews(server, {"mode": "tae", "quality": 100, "interval": 1}, steps=2)[0]
    coarse = previews(server, {"mode": "tae", "quality": 1, "interval": 1}, steps=2)[0]
    assert fine["step"] == coarse["step"]
    assert len(coarse["image"]) < len(fine["image"])


@pytest.mark.proves("preview.enabled")
@pytest.mark.parametrize("settings", [{"enabled": False}, {"mode": "none"}], ids=str)
def test_previews_can_be_switched_off(server: RunningServer, settings: dict[str, Any]) -> None:
    assert previews(server, settings) == []


@pytest.mark.proves("preview.interval")
def test_an_interval_leaves_steps_out(server: RunningServer) -> None:
    every = {preview["step"] for preview in previews(server, {"mode": "proj", "interval": 3})}
    assert every
    assert {step % 3 for step in every} == {0}


def previews_made(server: RunningServer, job_id: str) -> int:
    """How many previews of a finished job were computed, whoever saw them."""
    return int(json.loads((server.output_dir / job_id / "config.json").read_text())["previews"])


def test_no_preview_is_computed_for_clients_that_want_none(server: RunningServer) -> None:
    server.http.put("/preview/settings", json=DEFAULTS).raise_for_status()
    with server.events(previews=False) as events:
        job_id = server.submit(**JOB)
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    assert {"job_progress", "job_status_changed"} < {message["event"] for message in events.heard}
    assert "job_preview" not in {message["event"] for message in events.heard}
    assert previews_made(server, job_id) == 0


def test_a_client_that_comes_in_the_middle_of_a_job_gets_previews(server: RunningServer) -> None:
    server.http.put("/preview/settings", json={**DEFAULTS, "mode": "proj"}).raise_for_status()
    with server.events(previews=False) as blind:
        job_id = server.submit(**JOB | {"steps": 1000})
        step = blind.wait_for("job_progress", of_job(job_id))["step"]
        with server.events() as events:
            first = events.wait_for("job_preview", of_job(job_id))
        assert first["step"] > step
        assert first["interval"] == first["step"]
        server.http.delete(f"/queue/{job_id}")
        blind.wait_for("job_cancelled", of_job(job_id))
    assert "job_preview" not in {message["event"] for message in blind.heard}


def test_an_interval_that_nobody_gave_is_stretched(server: RunningServer) -> None:
    """Decoding takes much longer than a step of this model."""
    server.http.put("/preview/settings", json={**DEFAULTS, "interval": None}).raise_for_status()
    with server.events() as events:
        job_id = server.submit(**JOB | {"steps": 40})
        events.wait_for("job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed")
    assert previews_made(server, job_id) < 40
    assert previews(server, {"mode": "tae"}, steps=3)[0]["mode"] == "tae"


def test_a_word_that_is_no_answer_to_whether_previews_are_wanted_is_refused(server: RunningServer) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        server.events(f"ws://127.0.0.1:{server.port}/ws?previews=some"),
    ):
        pass
    response = refused.value.response
    assert response.status_code == 400
    assert json.loads(response.body)["error"].startswith("previews: 'some' is not allowed")


def test_without_a_taesd_previews_fall_back_and_say_so(server: RunningServer) -> None:
    body = {"model_name": "minit2i.safetensors", "model_type": "diffusion", "t5xxl": "t5xxl.safetensors"}
    server.post("/models/load", body)
    found = previews(server, {"mode": "tae"}, width=128, height=128, steps=20)
    assert found
    assert {preview["mode"] for preview in found} == {"proj"}
    shown(found[0])


def test_a_stream_of_events_has_previews_unless_they_are_not_wanted(server: RunningServer) -> None:
    server.http.put("/preview/settings", json=DEFAULTS).raise_for_status()
    # It begins when both listen: previews are computed for who is there.
    server.post("/queue/pause")
    job_id = server.submit(**JOB)
    with listening(server, job_id=job_id) as events, listening(server, job_id=job_id, previews="no") as less:
        server.post("/queue/resume")
        assert "job_preview" in {event.event for event in events}
        assert "job_preview" not in {event.event for event in less}
