"""Users see, change and count their own jobs and files only, whatever door they come by."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.sync.client import connect

from tests.support.keyed_clients import add_key, client_with, refusal
from tests.support.output_folders import write_png
from tests.support.running_server import Events, RunningServer
from tests.support.scripted_engine import NEVER_ENDING, SCRIPTED, SHORT
from tests.support.server_setup import ServerSetup

ROOT_KEY = "the-key-of-the-settings"
SERVER = ServerSetup(
    scripted=True,
    env={"SDCPP_SERVER_API_KEYS": ROOT_KEY, "SDCPP_USERS_MAX_PENDING": "50"},
)


class Person(NamedTuple):
    """A client with a key of its own."""

    name: str
    key: str
    http: httpx.Client

    def submit(self, **params: Any) -> str:
        answer = self.http.post("/txt2img", json={**SHORT, **params})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def make(self, **params: Any) -> Any:
        """A job at its end."""
        answer = self.http.post("/txt2img?wait=60", json={**SHORT, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def list_ids(self, **query: Any) -> set[str]:
        return {job["job_id"] for job in self.get("/queue", **query)["items"]}


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    """A server with a key that manages; its client carries it."""
    server.http.headers["x-api-key"] = ROOT_KEY
    server.post("/models/load", SCRIPTED)
    return server


@pytest.fixture(scope="module")
def people(server: RunningServer) -> Iterator[Mapping[str, Person]]:
    """Two users, a key of nobody, and one of a user that manages."""
    with ExitStack() as stack:

        def meet(name: str, scope: str, user: str | None) -> Person:
            key = add_key(server, name, scope, user)
            return Person(name, key, stack.enter_context(client_with(server, key)))

        for name in ("anna", "bert", "chief"):
            server.post("/users", {"name": name}, expect=201)
        yield {
            "anna": meet("anna", "generate", "anna"),
            "bert": meet("bert", "generate", "bert"),
            "nobody": meet("nobody", "generate", None),
            "chief": meet("chief", "manage", "chief"),
        }


@pytest.fixture(scope="module")
def anna(people: Mapping[str, Person]) -> Person:
    return people["anna"]


@pytest.fixture(scope="module")
def bert(people: Mapping[str, Person]) -> Person:
    return people["bert"]


@pytest.fixture(scope="module")
def done(people: Mapping[str, Person]) -> Mapping[str, Any]:
    """A finished job of each."""
    return {name: one.make(prompt=f"what {name} wants") for name, one in people.items()}


# Who -> whose jobs.
SEES = {
    "anna": {"anna"},
    "bert": {"bert"},
    "nobody": {"nobody"},
    "chief": {"anna", "bert", "nobody", "chief"},
}


@pytest.mark.parametrize("name", SEES)
def test_lists_searches_and_counts_are_of_what_one_may_see(
    people: Mapping[str, Person], done: Mapping[str, Any], name: str
) -> None:
    asking, seen = people[name], {done[one]["job_id"] for one in SEES[name]}
    everything = {job["job_id"] for job in done.values()}
    for query in (
        {},
        {"status": "completed"},
        {"type": "txt2img"},
        {"search": "what"},
        {"search": "wh"},
        {"model": "scripted.safetensors"},
        {"after": "2020-01-01"},
        {"status": "completed", "after": "2020-01-01"},
        {"group_by": "date"},
    ):
        page = asking.get("/queue", **query)
        assert {job["job_id"] for job in page["items"]} & everything == seen, query
        if name != "chief":
            assert page["total_count"] == page["completed_count"] == len(seen)
            assert page.get("matching_count", len(seen)) == len(seen)


@pytest.mark.parametrize("name", SEES)
def test_a_job_of_another_user_is_not_there(
    people: Mapping[str, Person], done: Mapping[str, Any], name: str
) -> None:
    http = people[name].http
    for owner, job in done.items():
        job_id, path = job["job_id"], job["outputs"][0]
        found = 200 if owner in SEES[name] else 404
        for address in (
            f"/queue/{job_id}",
            f"/queue/{job_id}/wait",
            f"/output/{path}",
            f"/output/{job_id}/",
            f"/output/{job_id}/config.json",
            f"/thumb/{path}",
            f"/events?job_id={job_id}",
            f"/comfyui/view?filename={path.partition('/')[2]}&subfolder={job_id}",
        ):
            assert http.head(address).status_code == found, (owner, address)
        linked = http.post("/output/links", json={"path": path})
        assert linked.status_code == (201 if found == 200 else 404)


@pytest.mark.parametrize("name", SEES)
def test_the_root_of_the_outputs_lists_what_one_may_see(
    server: RunningServer, people: Mapping[str, Person], done: Mapping[str, Any], name: str
) -> None:
    write_png(server.output_dir / "of-no-job" / "a.png")
    page = people[name].http.get("/output/").text
    shown = {one for one, job in done.items() if job["job_id"] in page}
    assert shown == SEES[name]
    assert ("of-no-job" in page) is (name in ("nobody", "chief"))


def test_kept_answers_of_one_user_are_not_given_to_another(
    people: Mapping[str, Person], done: Mapping[str, Any]
) -> None:
    for address in ("/queue", "/queue?limit=7", f"/queue/{done['anna']['job_id']}"):
        for _ in range(3):
            answers = {name: one.http.get(address) for name, one in people.items()}
            hears_of_anna = {name for name, one in answers.items() if done["anna"]["job_id"] in one.text}
            assert hears_of_anna == {"anna", "chief"}


@pytest.mark.proves("keys.user", "users.name")
def test_a_job_tells_whose_it_is(people: Mapping[str, Person], done: Mapping[str, Any]) -> None:
    chief = people["chief"]
    told = {name: chief.get(f"/queue/{job['job_id']}").get("user") for name, job in done.items()}
    assert told == {"anna": "anna", "bert": "bert", "nobody": None, "chief": "chief"}


@contextmanager
def hearing(server: RunningServer, person: Person) -> Iterator[Events]:
    with connect(f"ws://127.0.0.1:{server.ws_port}/?token={person.key}", max_queue=None) as connection:
        yield Events(connection)


def test_events_are_of_ones_own_jobs(server: RunningServer, people: Mapping[str, Person]) -> None:
    anna, bert = people["anna"], people["bert"]
    with hearing(server, anna) as annas, hearing(server, bert) as berts:
        of_anna, of_bert = anna.make()["job_id"], bert.make()["job_id"]
        for person, events, own in ((anna, annas, of_anna), (bert, berts, of_bert)):
            events.connection.send(json.dumps({"type": "get_status"}))
            first = events.next()["data"]
            total = person.get("/queue")["total_count"]
            assert first["total_count"] == total - 1
            again = events.wait_for("server_status")
            assert again["total_count"] == total
            ids = {message["data"].get("job_id") for message in events.heard} - {None}
            assert ids == {own}
            assert {"job_added", "job_progress", "job_status_changed"} <= {
                one["event"] for one in events.heard
            }


def test_a_client_that_comes_back_is_told_of_ones_own_jobs(anna: Person, bert: Person) -> None:
    with anna.http.stream("GET", "/events?events=job_status_changed,server_status") as answer:
        own = anna.make()["job_id"]
        for line in answer.iter_lines():
            if line.startswith("id: "):
                last = line.removeprefix("id: ")
                break
    other, later = bert.make()["job_id"], anna.make()["job_id"]
    text = ""
    with anna.http.stream("GET", "/events", headers={"Last-Event-ID": last}) as answer:
        for line in answer.iter_lines():
            text += line
            if later in line and '"completed"' in line:
                break
    assert own in text
    assert other not in text


def test_only_ones_own_jobs_can_be_cancelled_and_deleted(
    server: RunningServer, anna: Person, bert: Person
) -> None:
    running = anna.submit(**NEVER_ENDING)
    waiting = anna.submit()
    for job_id in (running, waiting):
        assert refusal(bert.http.delete(f"/queue/{job_id}")) == (400, "cannot_cancel")
        bert.http.post("/comfyui/queue", json={"delete": [job_id]}).raise_for_status()
        body = {"job_ids": [job_id], "purge": True}
        refused = bert.http.request("DELETE", "/queue/jobs", json=body)
        # Nothing is told of it, not even that it runs.
        assert refused.json()["not_found"] == [job_id]
        assert anna.get(f"/queue/{job_id}")["status"] in ("pending", "processing")
    for job_id in (waiting, running):
        assert anna.http.delete(f"/queue/{job_id}").status_code == 200
    body = {"job_ids": [running, waiting]}
    assert set(anna.http.request("DELETE", "/queue/jobs", json=body).json()["deleted"]) == {running, waiting}
    assert bert.http.post("/queue/restore", json=body).json()["restored"] == []
    assert bert.list_ids(trash="true") & {running, waiting} == set()
    assert anna.list_ids(trash="true") == {running, waiting}
    assert set(anna.http.post("/queue/restore", json=body).json()["restored"]) == {running, waiting}
    everything = {**body, "purge": True}
    assert set(server.http.request("DELETE", "/queue/jobs", json=everything).json()["deleted"]) == {
        running,
        waiting,
    }


def test_two_users_may_send_the_same_idempotency_key(anna: Person, bert: Person) -> None:
    headers = {"Idempotency-Key": "the-first-of-the-day"}
    first, other, again = (
        one.http.post("/txt2img", json=SHORT, headers=headers).json()["job_id"] for one in (anna, bert, anna)
    )
    assert first == again != other
    answer = anna.http.post("/txt2img", json={**SHORT, "seed": 3}, headers=headers)
    assert answer.status_code == 409
    assert "'the-first-of-the-day'" in answer.json()["error"]


def test_prompts_and_uploads_of_comfyui_are_ones_own(
    server: RunningServer, anna: Person, bert: Person
) -> None:
    png = write_png(server.output_dir / "upload.png").read_bytes()
    for person in (anna, bert):
        sent = person.http.post("/comfyui/upload/image", files={"image": ("same.png", png, "image/png")})
        assert sent.json()["name"] == "same.png"
    anna.http.post(
        "/comfyui/upload/image", files={"image": ("annas.png", png, "image/png")}
    ).raise_for_status()
    for person, status in ((anna, 200), (bert, 400)):
        found = person.http.get("/comfyui/view", params={"filename": "annas.png", "type": "input"})
        assert found.status_code == status
    job_id = anna.submit(**NEVER_ENDING)
    for person, count in ((anna, 1), (bert, 0)):
        listed = person.get("/comfyui/queue")
        assert len(listed["queue_running"] + listed["queue_pending"]) == count
        assert person.get("/sdapi/v1/progress")["state"]["job"] == ""
    anna.http.delete(f"/queue/{job_id}").raise_for_status()


def test_tools_of_mcp_do_and_see_what_their_key_may(
    people: Mapping[str, Person], done: Mapping[str, Any]
) -> None:
    def call(person: Person, tool: str, **arguments: Any) -> Any:
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
        answer = person.http.post("/mcp", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        text = next(
            (line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")),
            answer.text,
        )
        return json.loads(text)["result"]

    job_id = done["anna"]["job_id"]
    assert not call(people["anna"], "get_job", job_id=job_id).get("isError")
    assert call(people["bert"], "get_job", job_id=job_id)["isError"]
    refused = call(people["bert"], "load_model", name=SCRIPTED["model_name"])
    assert refused["isError"]
    assert "scope manage" in json.dumps(refused)
    assert not call(people["chief"], "load_model", name=SCRIPTED["model_name"]).get("isError")
    drawn = call(people["bert"], "generate_image", prompt="by mcp", width=64, height=64, wait_seconds=30)
    assert not drawn.get("isError"), drawn
    made = people["bert"].get("/queue", search="by mcp")["items"]
    assert [job["user"] for job in made] == ["bert"]


# ---------------------------------------------------------------- quotas


@pytest.mark.proves("user.max_pending")
def test_a_user_may_have_so_many_waiting_jobs(server: RunningServer, anna: Person, bert: Person) -> None:
    server.http.put("/users/anna", json={"max_pending": 2}).raise_for_status()
    running = server.submit(**NEVER_ENDING)
    try:
        ids = [anna.submit(), anna.submit()]
        refused = anna.http.post("/txt2img", json=SHORT)
        assert refusal(refused) == (429, "quota_reached")
        assert int(refused.headers["retry-after"]) > 0
        assert "anna has 2 waiting jobs" in refused.json()["error"]
        assert anna.http.post("/v1/images/generations", json={"prompt": "x"}).status_code == 429
        # Others are as before, and a place that is free again can be taken.
        bert.http.delete(f"/queue/{bert.submit()}").raise_for_status()
        anna.http.delete(f"/queue/{ids.pop()}").raise_for_status()
        ids.append(anna.submit())
        for job_id in ids:
            anna.http.delete(f"/queue/{job_id}").raise_for_status()
    finally:
        server.http.delete(f"/queue/{running}")
        server.http.put("/users/anna", json={"max_pending": None}).raise_for_status()


@pytest.mark.proves("user.max_gigabytes")
def test_a_user_may_fill_so_much_of_the_disk(server: RunningServer, bert: Person) -> None:
    bert.make()
    view = next(one for one in server.get("/users")["users"] if one["name"] == "bert")
    assert (view["max_gigabytes"], view["max_pending"], view["overrides"]) == (None, 50, [])
    changed = server.http.put("/users/bert", json={"max_gigabytes": 0}).json()
    assert changed["overrides"] == ["max_gigabytes"]
    refused = bert.http.post("/txt2img", json=SHORT)
    assert refusal(refused) == (429, "quota_reached")
    assert "delete jobs for good" in refused.json()["error"]
    assert server.http.put("/users/bert", json={"max_gigabytes": None}).json()["overrides"] == []
    bert.make()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/users", {"name": "anna"}, 409),
        ("POST", "/users", {"name": "a b"}, 400),
        ("POST", "/users", {"name": "x", "max_pending": -1}, 400),
        ("POST", "/users", {"name": "x", "max_pending": True}, 400),
        ("POST", "/users", {"name": "x", "max_gigabytes": "much"}, 400),
        ("PUT", "/users/nobody-of-this-name", {"max_pending": 1}, 404),
        ("PUT", "/users/anna", {"max_pending": "x"}, 400),
        ("PUT", "/users/anna", [], 400),
        ("DELETE", "/users/nobody-of-this-name", None, 404),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    server: RunningServer, people: Mapping[str, Person], method: str, path: str, body: object, status: int
) -> None:
    answer = server.http.request(method, path, json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.proves("users.max_pending", "users.max_gigabytes")
def test_a_user_that_is_removed_is_out_and_the_jobs_stay(server: RunningServer) -> None:
    guest = server.post("/users", {"name": "guest", "max_pending": 3, "max_gigabytes": 0.5}, expect=201)
    assert (guest["max_pending"], guest["max_gigabytes"]) == (3, 0.5)
    key = add_key(server, "guest-key", "generate", "guest")
    with client_with(server, key) as http:
        job = http.post("/txt2img?wait=60", json=SHORT).json()
        removed = server.http.delete("/users/guest").json()
        assert removed["message"] == "User guest removed, 1 keys revoked"
        assert http.get("/queue").status_code == 401
    assert server.get(f"/queue/{job['job_id']}")["user"] == "guest"
    assert server.http.get(f"/output/{job['outputs'][0]}").status_code == 200
