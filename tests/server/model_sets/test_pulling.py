"""A pull brings all files of a set, whatever happens on the way, and fetches nothing twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.server.model_sets.conftest import TOKEN, pull, pulled
from tests.support.http_upstream import model_bytes, sha256
from tests.support.hub_site import HubSite, describe_set, of_hub, write_set
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_setup import ServerSetup

DATA = model_bytes(1_500_000)
HALF = 900_000


@pytest.fixture(scope="module")
def server_setup(environment: dict[str, str], hub: HubSite) -> ServerSetup:
    text = describe_set("from-address", of_hub("org/x", "x.gguf", b"x"))
    hub.site.page("/from-address.toml", text.encode(), "text/plain")
    hub.site.page("/no-set.toml", b"= no TOML", "text/plain")
    urls = {"SDCPP_DOWNLOADS_SETS_URLS": f"{hub.site.url}/from-address.toml,{hub.site.url}/no-set.toml"}
    turns = {"SDCPP_DOWNLOADS_PARALLEL": "1", "SDCPP_QUEUE_FAIRNESS": "client"}
    return ServerSetup(scripted=True, env=environment | turns | urls)


def lora(server: RunningServer, name: str) -> Path:
    return server.models_dir / "loras" / name


@pytest.mark.proves("pull.set")
def test_all_files_come_as_one_job_that_tells_each(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    first, second = model_bytes(200_000, seed=2), model_bytes(100_000, seed=3)
    for path, data in (("deep/one.gguf", first), ("two.gguf", second)):
        hub.put("org/both", path, data)
    write_set(
        sets_dir, "both", of_hub("org/both", "deep/one.gguf", first), of_hub("org/both", "two.gguf", second)
    )
    with server.events(previews=False) as events:
        job = pulled(server, "both")
        told = events.wait_for("download_progress", lambda data: data["bytes_done"] == 300_000)
    assert (told["bytes_total"], told["file"]) == (300_000, "two.gguf (2 of 2)")
    assert (job["type"], job["params"]["set"], job["params"]["load"]) == ("model_download", "both", False)
    assert [(file["name"], file["how"], file["sha256"]) for file in job["result"]["files"]] == [
        ("one.gguf", "fetched", sha256(first)),
        ("two.gguf", "fetched", sha256(second)),
    ]
    assert job["result"]["name"] == "one.gguf"
    assert lora(server, "one.gguf").read_bytes() == first
    hashes = {entry["name"]: entry["hash"] for entry in server.get("/models", type="lora")["loras"]}
    assert hashes["two.gguf"] == sha256(second)
    view = server.get("/models/sets/both")
    assert (view["pulled"], view["details"][0]["complete"], view["origin"]) == ("only", True, "folder")


def test_what_is_on_disk_is_not_fetched_again_and_a_file_of_two_sets_once(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    shared, own = model_bytes(90_000, seed=4), model_bytes(80_000, seed=5)
    hub.put("org/shared", "shared.gguf", shared)
    hub.put("org/own", "own.gguf", own)
    write_set(sets_dir, "sharing-1", of_hub("org/shared", "shared.gguf", shared))
    write_set(
        sets_dir, "sharing-2", of_hub("org/own", "own.gguf", own), of_hub("org/shared", "shared.gguf", shared)
    )
    pulled(server, "sharing-1")
    job = pulled(server, "sharing-2")
    assert [file["how"] for file in job["result"]["files"]] == ["fetched", "there"]
    again = pulled(server, "sharing-2")
    assert [file["how"] for file in again["result"]["files"]] == ["there", "there"]
    assert (hub.fetches_of(shared), hub.fetches_of(own)) == (1, 1)


def test_a_file_of_another_name_is_known_by_its_hash(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data = model_bytes(70_000, seed=6)
    hub.put("org/known", "known.gguf", data)
    lora(server, "mine.gguf").parent.mkdir(exist_ok=True)
    lora(server, "mine.gguf").write_bytes(data)
    server.get("/models/hash/lora/mine.gguf")
    write_set(sets_dir, "known", of_hub("org/known", "known.gguf", data))
    job = pulled(server, "known")
    assert [(file["name"], file["how"]) for file in job["result"]["files"]] == [("mine.gguf", "there")]
    assert hub.fetches_of(data) == 0


def test_a_name_that_another_file_has_is_left_to_it(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data = model_bytes(60_000, seed=7)
    hub.put("org/taken", "taken.gguf", data)
    lora(server, "taken.gguf").write_bytes(b"something else")
    write_set(sets_dir, "taken", of_hub("org/taken", "taken.gguf", data))
    job = pulled(server, "taken")
    assert [file["name"] for file in job["result"]["files"]] == ["taken/taken.gguf"]
    assert lora(server, "taken.gguf").read_bytes() == b"something else"
    assert server.get("/models/sets/taken")["details"][0]["complete"]


@pytest.mark.proves("pull.plan")
def test_a_file_in_the_cache_of_hugging_faces_library_is_linked(
    server: RunningServer, hub: HubSite, sets_dir: Path, root: Path
) -> None:
    data = model_bytes(50_000, seed=8)
    repo = root / "hugging/hub/models--org--cached"
    (repo / "blobs").mkdir(parents=True)
    (repo / "snapshots/abc").mkdir(parents=True)
    (repo / "blobs" / sha256(data)).write_bytes(data)
    (repo / "snapshots/abc/cached.gguf").symlink_to(f"../../blobs/{sha256(data)}")
    write_set(sets_dir, "cached", of_hub("org/cached", "cached.gguf", data))
    plan = server.post("/models/pull", {"set": "cached", "plan": True})
    assert (plan["bytes_to_fetch"], plan["details"]["files"][0]["state"]) == (0, "cached")
    job = pulled(server, "cached")
    assert [file["how"] for file in job["result"]["files"]] == ["linked"]
    assert lora(server, "cached.gguf").samefile(repo / "blobs" / sha256(data))
    assert "linked to a cache" in job["warnings"][0]
    server.http.delete("/models/sets/cached").raise_for_status()
    assert not lora(server, "cached.gguf").exists()
    assert (repo / "blobs" / sha256(data)).read_bytes() == data


def test_a_broken_line_is_resumed(server: RunningServer, hub: HubSite, sets_dir: Path) -> None:
    data = model_bytes(1_000_000, seed=9)
    hub.put("org/broken", "broken.gguf", data, cuts=[HALF])
    write_set(sets_dir, "broken", of_hub("org/broken", "broken.gguf", data))
    pulled(server, "broken")
    first, second = hub.cdn.asked(f"/blobs/{sha256(data)}")
    assert ("range" in first.headers, second.headers["range"]) == (False, f"bytes={HALF}-")


def test_a_pull_that_was_cancelled_goes_on_with_its_part(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    file = hub.put("org/held", "held.gguf", DATA, hold_at=HALF)
    write_set(sets_dir, "held", of_hub("org/held", "held.gguf", DATA))
    with server.events(previews=False) as events:
        job_id = server.post("/models/pull", {"set": "held"}, expect=202)["download_job_id"]
        events.wait_for("download_progress", lambda data: data["bytes_done"] == HALF)
    server.http.delete(f"/queue/{job_id}").raise_for_status()
    file.go_on.set()
    job = pulled(server, "held")
    last = hub.cdn.asked(f"/blobs/{sha256(DATA)}")[-1]
    assert last.headers["range"].startswith("bytes=")
    assert int(last.headers["range"][6:-1]) > 0
    assert job["result"]["files"][0]["sha256"] == sha256(DATA)
    assert lora(server, "held.gguf").read_bytes() == DATA
    assert not list(server.models_dir.rglob("held.gguf.part"))


def test_bytes_that_are_not_the_published_ones_fail_and_leave_nothing(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data, other = model_bytes(40_000, seed=10), model_bytes(40_000, seed=11)
    hub.put("org/wrong", "wrong.gguf", data).data = other
    write_set(sets_dir, "wrong", of_hub("org/wrong", "wrong.gguf", data))
    job = pull(server, "wrong")
    assert job["status"] == "failed"
    assert job["error"].startswith("wrong.gguf is damaged: its SHA-256 is")
    assert not list(server.models_dir.rglob("wrong*.gguf*"))


def test_a_file_that_its_publisher_changed_is_not_taken_for_the_one_of_the_set(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data = model_bytes(30_000, seed=12)
    hub.put("org/changed", "changed.gguf", data)
    write_set(sets_dir, "changed", of_hub("org/changed", "changed.gguf", data, sha256="0" * 64))
    job = pull(server, "changed")
    assert "was changed by its publisher" in job["error"]


def test_a_gate_is_told_with_its_page_and_the_setting(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data = model_bytes(20_000, seed=13)
    hub.put("org/gated", "gated.gguf", data, token="another-token")
    terms = {"name": "Terms", "url": "https://x.example/terms", "gated": "https://x.example/org/gated"}
    write_set(sets_dir, "gated", of_hub("org/gated", "gated.gguf", data), license=terms)
    told = server.post("/models/pull", {"set": "gated"}, expect=400)["error"]
    assert "https://x.example/org/gated" in told
    assert "downloads.huggingface_token" in told
    hub.put("org/gated", "gated.gguf", data, token=TOKEN)
    pulled(server, "gated")
    assert all("authorization" not in request.headers for request in hub.cdn.requests)


@pytest.mark.parametrize(("status", "whole"), [(307, False), (301, True)])
def test_a_repository_of_another_name_now_is_followed(
    server: RunningServer, hub: HubSite, sets_dir: Path, status: int, whole: bool
) -> None:
    name = f"renamed-{status}"
    data = model_bytes(10_000, seed=status)
    hub.put("org/new-name", f"{name}.gguf", data)
    hub.rename("org/old-name", "org/new-name", f"{name}.gguf", status, whole)
    write_set(sets_dir, name, of_hub("org/old-name", f"{name}.gguf", data))
    pulled(server, name)
    assert lora(server, f"{name}.gguf").read_bytes() == data


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data = model_bytes(9_000, seed=15)
    huge = of_hub("org/huge", "huge.gguf", data, size=10**15)
    del huge["sha256"]
    hub.site.routes["/org/huge/resolve/main/huge.gguf"] = lambda request: request.reply(
        200, X_Linked_Size=str(10**15), X_Repo_Commit="0" * 40, X_Linked_ETag='"x"'
    )
    write_set(sets_dir, "huge", huge)
    answer = server.http.post("/models/pull", json={"set": "huge"})
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert "1000000000000000 bytes are to be fetched" in answer.json()["error"]


@pytest.mark.heavy
def test_a_disk_that_fills_up_on_the_way_is_told(
    small_disk: Path, environment: dict[str, str], hub: HubSite, start_server: StartServer
) -> None:
    data = model_bytes(4_000_000, seed=21)
    hub.cdn.file("/filling.gguf", data, length=False)
    server = start_server(env=environment)
    file = {"type": "lora", "source": "url", "url": f"{hub.cdn.url}/filling.gguf"}
    write_set(small_disk / "sets", "filling", {**file, "save_as": "filling.gguf", "about": 1000})
    job = pull(server, "filling")
    server.stop()
    assert job["error"].startswith("The disk is full:")
    assert not list(small_disk.rglob("filling.gguf"))


def test_files_that_came_stay_when_their_model_cannot_be_loaded(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    data = model_bytes(3_000, seed=22)
    hub.put("org/bad", "bad.gguf", data)
    model = of_hub("org/bad", "bad.gguf", data, part="model", type="checkpoint")
    write_set(sets_dir, "bad", model, architecture="SD1.5", example="a cat", defaults={"steps": 1})
    accepted = server.post("/models/pull", {"set": "bad", "load": True, "draw": True}, expect=202)
    job = server.wait_for_job(accepted["download_job_id"])
    assert job["status"] == "completed"
    assert job["warnings"][0].startswith("load: all files are there, but the model is not loaded: ")
    drawn = server.wait_for_job(accepted["draw_job_id"])
    assert (drawn["status"], drawn["after"]) == ("failed", job["job_id"])
    assert "bad.gguf" in drawn["error"]


def test_what_a_site_does_not_have_is_told_at_once(server: RunningServer, sets_dir: Path) -> None:
    write_set(sets_dir, "gone", of_hub("org/gone", "gone.gguf", b"x"))
    answer = server.http.post("/models/pull", json={"set": "gone"})
    assert answer.status_code == 404
    assert "gone.gguf" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"set": "no-such-set"}, 404, "set: 'no-such-set' is not known; there are"),
        ({"set": "../../etc"}, 404, "is not known"),
        ({"set": ""}, 400, "set"),
        ({}, 400, "set"),
        ({"set": "sd15", "variant": "q1"}, 400, "variant: 'q1' is not allowed; sd15 has f16, f32"),
        ({"set": 5}, 400, "set"),
        ({"set": "sd15", "load": "perhaps"}, 400, "load"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_told(
    server: RunningServer, body: dict[str, object], status: int, told: str
) -> None:
    answer = server.http.post("/models/pull", json=body)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]


def test_what_has_no_effect_is_told(server: RunningServer, hub: HubSite, sets_dir: Path) -> None:
    data = model_bytes(8_000, seed=16)
    hub.put("org/idle", "idle.gguf", data)
    write_set(sets_dir, "idle", of_hub("org/idle", "idle.gguf", data))
    body = {"set": "idle", "load": True, "speed": 9}
    accepted = server.post("/models/pull", body, expect=202)
    assert accepted["warnings"] == [
        "unknown field 'speed' was ignored",
        "load has no effect: idle holds nothing that draws by itself",
    ]
    server.wait_for_job(accepted["download_job_id"])


def test_sets_of_addresses_are_fetched_kept_and_forgotten_with_their_address(
    server: RunningServer, hub: HubSite
) -> None:
    told = server.post("/models/sets/update")
    assert told["fetched"] == ["from-address"]
    assert any("no-set.toml: this is not TOML" in one for one in told["problems"])
    listed = {one["name"]: one["origin"] for one in server.get("/models/sets")["sets"]}
    assert listed["from-address"] == "url"
    hub.site.status("/from-address.toml", 503)
    assert server.post("/models/sets/update")["fetched"] == []
    assert "from-address" in {one["name"] for one in server.get("/models/sets")["sets"]}


def test_files_that_are_no_sets_are_told_and_the_others_listed(server: RunningServer, sets_dir: Path) -> None:
    sets_dir.mkdir(parents=True, exist_ok=True)
    (sets_dir / "broken-file.toml").write_text("name = ", "utf-8")
    write_set(sets_dir, "leads-out", of_hub("org/x", "x.gguf", b"x", save_as="../x.gguf"))
    listed = server.get("/models/sets")
    assert {"z-image-turbo", "sd15"} <= {one["name"] for one in listed["sets"]}
    assert any("broken-file.toml is no set: this is not TOML" in one for one in listed["problems"])
    assert any("it leads out of the folder" in one for one in listed["problems"])


def test_a_removal_keeps_what_another_set_has(server: RunningServer, hub: HubSite, sets_dir: Path) -> None:
    shared, own = model_bytes(7_000, seed=17), model_bytes(6_000, seed=18)
    hub.put("org/r", "r-shared.gguf", shared)
    hub.put("org/r", "r-own.gguf", own)
    both = of_hub("org/r", "r-own.gguf", own), of_hub("org/r", "r-shared.gguf", shared)
    write_set(sets_dir, "removed", *both)
    write_set(sets_dir, "staying", of_hub("org/r", "r-shared.gguf", shared))
    pulled(server, "removed")
    pulled(server, "staying")
    plan = server.http.delete("/models/sets/removed", params={"plan": True}).json()
    assert plan["planned"]
    assert [file["name"] for file in plan["deleted"]] == ["r-own.gguf"]
    assert plan["kept"][0]["kept_because"] == "used by staying"
    assert lora(server, "r-own.gguf").exists()
    removed = server.http.delete("/models/sets/removed").json()
    assert (removed["freed_bytes"], lora(server, "r-own.gguf").exists()) == (6_000, False)
    # The file belongs to the other set now, and goes with it.
    server.http.delete("/models/sets/staying").raise_for_status()
    assert not lora(server, "r-shared.gguf").exists()
    assert server.http.delete("/models/sets/removed").status_code == 404


@pytest.mark.proves("pull.priority", "pull.client_id", "pull.not_before")
def test_pulls_have_priorities_take_turns_and_wait_for_their_moment(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    def order(name: str, **turn: object) -> str:
        data = model_bytes(5_000, seed=len(name) + 100)
        hub.put("org/turns", f"{name}.gguf", data)
        write_set(sets_dir, name, of_hub("org/turns", f"{name}.gguf", data))
        answer = server.post("/models/pull", {"set": name, **turn}, expect=202)
        return str(answer["download_job_id"])

    data = model_bytes(1_000_000, seed=99)
    held = hub.put("org/turns", "turn-held.gguf", data, hold_at=1000)
    write_set(sets_dir, "turn-held", of_hub("org/turns", "turn-held.gguf", data))
    server.post("/models/pull", {"set": "turn-held"}, expect=202)
    hub.cdn.wait_for(f"/blobs/{sha256(data)}")
    moment = datetime.now(UTC) + timedelta(seconds=1)
    late = order("turn-late", not_before=moment.isoformat(), priority=3)
    one, two = order("turn-one", client_id="one"), order("turn-two-", client_id="one")
    other, first = order("turn-other", client_id="other"), order("turn-first-", priority=1)
    held.go_on.set()
    jobs = [server.wait_for_job(job_id) for job_id in (first, one, other, two)]
    started = [job["timings"]["started_at"] for job in jobs]
    assert started == sorted(started)
    job = server.wait_for_job(late)
    assert datetime.fromisoformat(job["timings"]["started_at"]) >= moment.replace(microsecond=0)


@pytest.mark.proves("pull.preempt")
def test_an_urgent_pull_interrupts_one_that_goes_on_where_it_was(
    server: RunningServer, hub: HubSite, sets_dir: Path
) -> None:
    slow, quick = model_bytes(1_000_000, seed=77), model_bytes(5_000, seed=78)
    held = hub.put("org/urgent", "slow.gguf", slow, hold_at=1000)
    write_set(sets_dir, "slow", of_hub("org/urgent", "slow.gguf", slow))
    hub.put("org/urgent", "quick.gguf", quick)
    write_set(sets_dir, "quick", of_hub("org/urgent", "quick.gguf", quick))
    slow_id = server.post("/models/pull", {"set": "slow"}, expect=202)["download_job_id"]
    hub.cdn.wait_for(f"/blobs/{sha256(slow)}")
    with server.events(previews=False) as events:
        urgent = {"set": "quick", "priority": 2, "preempt": True}
        quick_id = server.post("/models/pull", urgent, expect=202)["download_job_id"]
        events.wait_for(
            "job_status_changed", lambda data: data["job_id"] == slow_id and data["status"] == "pending"
        )
        held.go_on.set()
    jobs = [server.wait_for_job(job_id) for job_id in (quick_id, slow_id)]
    assert [job["status"] for job in jobs] == ["completed", "completed"]


@pytest.mark.heavy
def test_a_kill_costs_no_byte_and_no_file_that_was_there(
    environment: dict[str, str], hub: HubSite, start_server: StartServer
) -> None:
    whole, data = model_bytes(300_000, seed=19), model_bytes(1_500_000, seed=20)
    hub.put("org/killed", "whole.gguf", whole)
    file = hub.put("org/killed", "killed.gguf", data, hold_at=HALF)
    server = start_server(env=environment)
    files = of_hub("org/killed", "whole.gguf", whole), of_hub("org/killed", "killed.gguf", data)
    write_set(server.models_dir / "sets", "killed", *files)
    with server.events(previews=False) as events:
        job_id = server.post("/models/pull", {"set": "killed"}, expect=202)["download_job_id"]
        events.wait_for("download_progress", lambda told: told["bytes_done"] == len(whole) + HALF)
    server.kill()
    file.go_on.set()
    server.start()
    job = server.wait_for_job(job_id)
    assert job["status"] == "completed", job
    assert hub.fetches_of(whole) == 1
    assert [one["how"] for one in job["result"]["files"]] == ["fetched", "fetched"]
    assert lora(server, "killed.gguf").read_bytes() == data
