"""GET /queue and /queue/{job_id}."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.schemas.jobs import QueueView
from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SHORT, busy, put, serving

DOCUMENTED = "%Y-%m-%dT%H:%M:%SZ"
FINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PROGRESS = {
    "step", "total_steps", "current_image", "total_images", "all_steps", "current_all_steps", "percentage"
}  # fmt: skip
COUNTS = (
    "pending_count",
    "processing_count",
    "completed_count",
    "failed_count",
    "cancelled_count",
    "total_count",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with an empty queue."""
    with serving(tmp_path) as running:
        yield running


def ids(queue: dict[str, Any]) -> list[str]:
    return [item["job_id"] for item in queue["items"]]


def counts(queue: dict[str, Any]) -> list[int]:
    return [queue[name] for name in COUNTS]


def test_an_empty_queue_has_the_documented_fields(server: RunningServer) -> None:
    queue = server.get("/queue")
    assert counts(queue) == [0, 0, 0, 0, 0, 0]
    assert queue["items"] == []


def test_a_completed_job_reads_like_the_documents_example(scripted: RunningServer) -> None:
    job = scripted.make(**SHORT | {"steps": 20})
    assert job.keys() == {
        "job_id", "type", "status", "progress", "created_at", "started_at", "completed_at", "timings",
        "outputs", "params", "model", "model_settings", "engine",
    }  # fmt: skip
    assert (job["type"], job["status"]) == ("txt2img", "completed")
    assert job["progress"] == {
        "step": 20, "total_steps": 20, "current_image": 0, "total_images": 1, "all_steps": 20,
        "current_all_steps": 20, "percentage": 100.0,
    }  # fmt: skip
    fields = ("created_at", "started_at", "completed_at")
    moments = [datetime.strptime(job[field], DOCUMENTED) for field in fields]
    assert moments == sorted(moments)
    assert job["outputs"] == [f"{job['job_id']}/image_0.png"]
    assert job["params"]["prompt"] == SHORT["prompt"]
    assert job["model"] == MODEL


def test_timings_tell_the_moments_of_a_job_to_the_millisecond(scripted: RunningServer) -> None:
    job = scripted.make(**SHORT)
    assert list(job["timings"]) == ["created_at", "started_at", "completed_at"]
    fine = list(job["timings"].values())
    assert fine == sorted(fine)
    for field, moment in job["timings"].items():
        assert FINE.fullmatch(moment)
        assert moment.startswith(job[field].rstrip("Z"))


def test_every_job_timestamp_has_the_form_of_the_document(scripted: RunningServer) -> None:
    with scripted.events() as events:
        job_id = scripted.submit(**SHORT)
        ended = events.wait_for(
            "job_status_changed", lambda data: data["job_id"] == job_id and data["status"] == "completed"
        )
    config = scripted.get(f"/output/{job_id}/config.json")
    scripted.http.request("DELETE", "/queue/jobs", json={"job_ids": [job_id]})
    (item,) = (job for job in scripted.get("/queue", trash=True)["items"] if job["job_id"] == job_id)
    found = [(where, name) for where in (ended, config, item) for name in where if name.endswith("_at")]
    assert {name for _, name in found} == {"created_at", "started_at", "completed_at", "deleted_at"}
    for where, name in found:
        datetime.strptime(where[name], DOCUMENTED)


def test_the_progress_of_a_finished_batch_counts_all_its_images(scripted: RunningServer) -> None:
    job = scripted.make(**SHORT | {"steps": 5, "batch_count": 4})
    assert job["progress"] == {
        "step": 5, "total_steps": 5, "current_image": 3, "total_images": 4, "all_steps": 20,
        "current_all_steps": 20, "percentage": 100.0,
    }  # fmt: skip
    assert job["outputs"] == [f"{job['job_id']}/image_{i}.png" for i in range(4)]


def test_each_state_shows_only_the_fields_that_apply_to_it(server: RunningServer) -> None:
    with busy(server) as running:
        waiting = server.submit(**SHORT)
        processing = server.get(f"/queue/{running}")
        pending = server.get(f"/queue/{waiting}")
    cancelled = server.get(f"/queue/{running}")
    assert pending["status"] == "pending"
    assert not {"started_at", "completed_at", "error"} & pending.keys()
    assert list(pending["timings"]) == ["created_at"]
    assert pending["outputs"] == []
    assert pending["progress"] == {
        "step": 0, "total_steps": 2, "current_image": 0, "total_images": 1, "all_steps": 2,
        "current_all_steps": 0, "percentage": 0.0,
    }  # fmt: skip
    assert processing["status"] == "processing"
    assert "started_at" in processing
    assert not {"completed_at", "error", "position"} & processing.keys()
    assert processing["progress"].keys() == PROGRESS
    assert processing["progress"]["step"] > 0
    assert processing["progress"]["current_all_steps"] == processing["progress"]["step"]
    assert cancelled["status"] == "cancelled"
    assert "completed_at" in cancelled
    assert not {"started_at", "error", "position"} & cancelled.keys()


def test_a_failed_job_says_why(server: RunningServer) -> None:
    server.output_dir.rmdir() if server.output_dir.exists() else None
    server.output_dir.write_text("in the way")
    job = server.wait_for_job(server.submit(**SHORT))
    assert job["status"] == "failed"
    assert "could not be written" in job["error"]
    assert {"started_at", "completed_at"} <= job.keys()
    assert job["outputs"] == []
    assert server.get("/queue")["failed_count"] == 1


def test_position_counts_the_pending_jobs_from_the_next_one(server: RunningServer) -> None:
    with busy(server):
        answers = [server.post("/txt2img", SHORT, expect=202) for _ in range(3)]
        assert [answer["position"] for answer in answers] == [1, 2, 3]
        server.http.delete(f"/queue/{answers[0]['job_id']}")
        shown = [server.get(f"/queue/{answer['job_id']}").get("position") for answer in answers]
        assert shown == [None, 1, 2]


def test_jobs_run_in_the_order_of_their_submission(server: RunningServer) -> None:
    with busy(server):
        submitted = [server.submit(**SHORT) for _ in range(5)]
    server.wait_for_job(submitted[-1])
    jobs = [server.get(f"/queue/{job_id}") for job_id in submitted]
    starts = [job["timings"]["started_at"] for job in jobs]
    assert starts == sorted(starts)
    assert {job["status"] for job in jobs} == {"completed"}


def test_the_queue_is_newest_first_and_order_turns_it(server: RunningServer) -> None:
    with busy(server) as running:
        submitted = [running, *(server.submit(**SHORT) for _ in range(4))]
        assert ids(server.get("/queue")) == submitted[::-1]
        assert ids(server.get("/queue", order="desc")) == submitted[::-1]
        assert ids(server.get("/queue", order="asc")) == submitted


def test_limit_and_offset_cut_a_page_out(server: RunningServer) -> None:
    with busy(server) as running:
        newest_first = [running, *(server.submit(**SHORT) for _ in range(4))][::-1]
        page = server.get("/queue", limit=2, offset=1)
        assert ids(page) == newest_first[1:3]
        assert (page["limit"], page["offset"]) == (2, 1)
        assert ids(server.get("/queue", limit=2, offset=4)) == newest_first[4:]
        assert ids(server.get("/queue", offset=9)) == []
        assert counts(page) == [4, 1, 0, 0, 0, 5]


def test_pages_have_numbers_and_tell_whether_more_follow(server: RunningServer) -> None:
    with busy(server) as running:
        newest_first = [running, *(server.submit(**SHORT) for _ in range(4))][::-1]
        for number, expected, more in (
            (1, newest_first[:2], True),
            (2, newest_first[2:4], True),
            (3, newest_first[4:], False),
            (4, [], False),
        ):
            page = server.get("/queue", limit=2, page=number)
            assert ids(page) == expected
            assert (page["page"], page["offset"], page["has_more"]) == (number, 2 * (number - 1), more)
        exactly = server.get("/queue", limit=5)
        assert (len(ids(exactly)), exactly["page"], exactly["has_more"]) == (5, 1, False)
        pending = server.get("/queue", limit=4, status="pending")
        assert (pending["has_more"], pending["matching_count"]) == (False, 4)
        assert server.get("/queue", limit=2, offset=3)["page"] == 2
        beyond = server.get("/queue", page=2**31)
        assert (ids(beyond), beyond["has_more"]) == ([], False)


def test_before_and_after_cut_a_period_out(server: RunningServer) -> None:
    jobs = [server.make(**SHORT) for _ in range(3)]
    first, second, third = (job["job_id"] for job in jobs)
    moment, day = jobs[1]["timings"]["created_at"], jobs[0]["created_at"][:10]
    for query, expected in [
        ({"after": moment}, [third, second]),
        ({"before": moment}, [first]),
        ({"after": jobs[0]["created_at"]}, [third, second, first]),
        ({"after": moment, "before": jobs[2]["timings"]["created_at"]}, [second]),
        ({"after": moment.replace("Z", "+00:00"), "order": "asc"}, [second, third]),
        ({"after": f"{day[:4]}-01-01"}, [third, second, first]),
        ({"before": day}, []),
        ({"after": str(int(datetime.fromisoformat(moment).timestamp()) + 3600)}, []),
        ({"after": moment, "status": "completed", "type": "txt2img", "search": "short"}, [third, second]),
        ({"after": moment, "status": "failed"}, []),
        ({"after": moment, "trash": "true"}, []),
    ]:
        page = server.get("/queue", **query)
        assert ids(page) == expected, query
        assert page["matching_count"] == len(expected), query
        assert page["total_count"] == 3
    assert server.get("/queue", after=day)["applied_filters"] == {"after": f"{day}T00:00:00.000Z"}


def test_group_by_date_tells_the_days_of_the_items(server: RunningServer) -> None:
    jobs = [server.make(**SHORT) for _ in range(3)]
    page = server.get("/queue", group_by="date", limit=2)
    grouped = [(group["date"], job_id) for group in page["groups"] for job_id in group["job_ids"]]
    assert grouped == [(job["created_at"][:10], job["job_id"]) for job in jobs[:0:-1]]
    assert [group["count"] for group in page["groups"]] == [len(group["job_ids"]) for group in page["groups"]]
    assert server.get("/queue", group_by="date", status="failed")["groups"] == []
    assert "groups" not in server.get("/queue", limit=2)


def test_a_job_tells_how_its_model_was_loaded(tmp_path: Path) -> None:
    vae = "vae/own.safetensors"
    put(tmp_path, vae)
    with serving(tmp_path, loaded=False) as server:
        body = {"model_name": MODEL, "vae": "own.safetensors", "options": {"n_threads": 2}}
        server.post("/models/load", body)
        job = server.make(**SHORT)
        (item,) = server.get("/queue")["items"]
        settings = job["model_settings"]
        assert item["model_settings"] == settings
        assert settings["model_name"] == job["model"] == MODEL
        assert (settings["model_type"], settings["vae"]) == ("checkpoint", "own.safetensors")
        assert (settings["options"]["n_threads"], settings["options"]["flash_attn"]) == (2, True)
        assert "clip_l" not in settings
        # What a job ran with stays what it was, and loads it again.
        server.post("/models/load", {"model_name": MODEL, "vae": ""})
        assert "vae" not in server.make(**SHORT)["model_settings"]
        assert server.get(f"/queue/{job['job_id']}")["model_settings"] == settings
        assert "warnings" not in server.post("/models/load", settings)


def test_the_description_shows_pages_as_they_are(scripted: RunningServer) -> None:
    described = scripted.get("/openapi.json")["paths"]["/queue"]["get"]
    for example in described["responses"]["200"]["content"]["application/json"]["examples"].values():
        QueueView.model_validate(example["value"])
        assert example["value"].keys() >= scripted.get("/queue").keys()
    parameters = {one["name"]: one for one in described["parameters"]}
    for name in ("after", "before"):
        for example in parameters[name]["examples"].values():
            scripted.get("/queue", **{name: example["value"]})


def test_more_jobs_than_a_page_holds_are_cut_at_the_documented_bound(tmp_path: Path) -> None:
    with serving(tmp_path, limits_queue_page="3") as small, busy(small):
        for _ in range(4):
            small.submit(**SHORT)
        assert len(small.get("/queue")["items"]) == 3
        assert len(small.get("/queue", limit=100)["items"]) == 3
        assert small.get("/queue")["total_count"] == 5


def test_filters_narrow_the_items_and_not_the_counts(server: RunningServer) -> None:
    with busy(server) as running:
        cat = server.submit(**SHORT | {"prompt": "a Cat, 100% _real_"})
        image = server.submit("/img2img", **SHORT, init_image_base64=as_base64())
        gone = server.submit(**SHORT)
        server.http.delete(f"/queue/{gone}")
        everything = [gone, image, cat, running]
        for query, expected in [
            ({"status": "pending"}, [image, cat]),
            ({"status": "processing"}, [running]),
            ({"status": "cancelled"}, [gone]),
            ({"status": "failed"}, []),
            ({"type": "img2img"}, [image]),
            ({"type": "txt2img"}, [gone, cat, running]),
            ({"search": "cat, 100%"}, [cat]),
            ({"search": "100%x"}, []),
            ({"search": "a_cat"}, []),
            ({"search": MODEL[:-5]}, everything),
            ({"search": running}, [running]),
            ({"model": MODEL}, everything),
            ({"model": MODEL[:-5]}, []),
            ({"model": MODEL, "search": "cat"}, [cat]),
            ({"status": "pending", "type": "txt2img", "search": "cat"}, [cat]),
        ]:  # fmt: skip
            page = server.get("/queue", **query)
            assert ids(page) == expected, query
            assert page["applied_filters"] == query
            assert page["matching_count"] == len(expected)
            assert counts(page) == [2, 1, 0, 0, 1, 4]
        assert "applied_filters" not in server.get("/queue")


def test_an_item_of_the_queue_is_the_job_without_its_inputs(server: RunningServer) -> None:
    job = server.wait_for_job(server.submit("/img2img", **SHORT, init_image_base64=as_base64()))
    (item,) = server.get("/queue")["items"]
    assert job.pop("inputs")
    assert item == job


@pytest.mark.parametrize("search", ['quo"te', "back\\slash", "é 新", "a'b", "%", "_", "new\nline"])
def test_search_finds_any_text_of_a_prompt(scripted: RunningServer, search: str) -> None:
    job_id = scripted.submit(**SHORT | {"prompt": f"x {search} y"})
    assert job_id in ids(scripted.get("/queue", search=search))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": "done"}, ("status", "'done'", "'pending', 'processing'")),
        ({"type": "video"}, ("type", "'video'", "'txt2img'")),
        ({"order": "up"}, ("order", "'up'", "asc|desc")),
        ({"limit": "0"}, ("limit", "'0'", "greater than or equal to 1")),
        ({"limit": "x"}, ("limit", "'x'", "integer")),
        ({"offset": "-1"}, ("offset", "'-1'", "greater than or equal to 0")),
        ({"offset": str(2**70)}, ("offset",)),
        ({"limit": str(2**70)}, ()),
        ({"page": "0"}, ("page", "'0'", "greater than or equal to 1")),
        ({"page": str(2**70)}, ("page",)),
        ({"page": "1", "offset": "0"}, ("page", "offset")),
        ({"group_by": "model"}, ("group_by", "'model'", "'date'")),
        ({"after": "yesterday"}, ("after", "'yesterday'", "2024-01-31")),
        ({"before": "2024-01-31T12:00:00"}, ("before", "zone")),
        ({"before": "9" * 5000}, ("before", "Unix seconds")),
        ({"after": "2024-02-01", "before": "2024-01-31"}, ("before", "later than after")),
        ({"after": "2024-01-31", "before": "2024-01-31"}, ("before", "later than after")),
        ({"after": ""}, ("after", "2024-01-31")),
    ],
)
def test_a_bad_query_is_refused_by_name_with_what_is_allowed(
    scripted: RunningServer, query: dict[str, str], words: tuple[str, ...]
) -> None:
    answer = scripted.http.get("/queue", params=query)
    assert answer.status_code == (400 if words else 200), answer.text
    for word in words:
        assert word in answer.json()["error"]


@pytest.mark.parametrize("job_id", ["550e8400-e29b-41d4-a716-446655440000", "x", "a%00b", "é"])
def test_an_unknown_job_is_not_found_in_the_documented_words(scripted: RunningServer, job_id: str) -> None:
    answer = scripted.http.get(f"/queue/{job_id}")
    assert answer.status_code == 404
    assert answer.json()["error"] in ("Job not found", "Not found")
