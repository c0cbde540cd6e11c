"""5,000 requests made from the interface's own description: every answer is one that it describes."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SHORT, load, put, serving

# Both may be set, to repeat a run or for a longer one.
SEED = int(os.environ.get("TEST_SEED", "20261130"))
UPSCALER = "upscaler.safetensors"
REQUESTS = int(os.environ.get("TEST_REQUESTS", "5000"))
# Requests of one kind to one operation before the next one has its turn.
ROUND = 10
# A status that is not described for the operation is among what these find, 5xx too.
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance]
# Nobody is there: what needs the internet says so.
NOWHERE = "http://127.0.0.1:9"
KEY = "the-key-that-may-do-everything"
# Path -> a body that is accepted.
GOOD: dict[str, dict[str, Any]] = {
    "/txt2img": SHORT,
    "/img2img": {**SHORT, "init_image_base64": as_base64()},
    "/upscale": {"image_base64": as_base64()},
    "/plan": SHORT,
    "/models/load": {"model_name": MODEL},
    "/upscaler/load": {"model_name": UPSCALER},
}


class Asking:
    """Sends generated requests, judges the answers and counts them."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.statuses: Counter[str] = Counter()
        self.faults: dict[str, str] = {}
        self.accepted: list[str] = []
        self.chance = random.Random(SEED)

    @property
    def count(self) -> int:
        return self.statuses.total()

    def ask(self, case: Case[Any]) -> None:
        """One request, and what is wrong with its answer."""
        _keep_short(case)
        answer = case.call(base_url=self.server.url, headers={"X-API-Key": KEY}, timeout=60)
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code == 202:
            self.accepted.append(json.loads(answer.text).get("job_id", ""))
        try:
            case.validate_response(answer, checks=self._checks(answer))
            self._check_shape(answer)
        except (AssertionError, schemathesis.errors.SchemathesisError, ExceptionGroup) as fault:
            kind = f"{case.method} {case.operation.path}: {answer.status_code} {type(fault).__name__}"
            self.faults.setdefault(kind, f"{fault}\n{case.as_curl_command()}\n{answer.text[:500]}")

    def _checks(self, answer: Response) -> list[Any]:
        # The description has a stream as the text that it is; the check reads its events as JSON.
        streamed = "text/event-stream" in answer.headers.get("content-type", [""])[0]
        return CHECKS if streamed else [*CHECKS, response_schema_conformance]

    def _check_shape(self, answer: Response) -> None:
        if answer.status_code >= 400:
            told = json.loads(answer.text)
            assert told["error"]
            assert told["code"] != "internal_error", told

    def ask_well(self, case: Case[Any]) -> None:
        """A request that would be accepted, with one or two of its fields generated; a job that there is."""
        good = GOOD.get(case.operation.path)
        if good is not None:
            generated = case.body if isinstance(case.body, dict) else {}
            taken = self.chance.sample(sorted(generated), min(len(generated), self.chance.randint(0, 2)))
            case.body = {**good, **{name: generated[name] for name in taken}}
        elif "job_id" in case.path_parameters and self.accepted:
            case.path_parameters["job_id"] = self.chance.choice(self.accepted)
        else:
            return
        self.ask(case)


@pytest.fixture(scope="module")
def described(root: Path) -> Iterator[RunningServer]:
    """A server with a scripted engine that reaches nobody."""
    put(root, f"esrgan/{UPSCALER}")
    with serving(
        root,
        loaded=False,
        server_api_keys=KEY,  # else a request could make the first key, and all others would be refused
        downloads_civitai_url=NOWHERE,
        downloads_huggingface_url=NOWHERE,
        downloads_retries="0",
        limits_max_steps="50",
    ) as server:
        server.http.headers["x-api-key"] = KEY
        load(server)
        server.post("/upscaler/load", GOOD["/upscaler/load"])
        yield server


def _keep_short(case: Case[Any]) -> None:
    """Whoever waits for a job of these would wait for thousands, and for all events, for ever."""
    if case.operation.path == "/events":
        case.query["job_id"] = "nobody"
    for name in ("wait", "seconds"):
        if isinstance(case.query.get(name), int | float):
            case.query[name] = min(case.query[name], 0.01)


def rounds(asking: Asking, schema: Any) -> Iterator[tuple[Any, int]]:
    """Each operation again and again, with the number of the round, until all requests were made."""
    for number in range(100):
        for found in schema.get_all_operations():
            if asking.count >= REQUESTS:
                return
            yield found.ok(), number


def ask_round(asking: Asking, operation: Any, number: int) -> None:
    """Valid requests, invalid ones, and such as would be accepted with some fields changed."""
    # An earlier request may have unloaded one.
    for path in ("/models/load", "/upscaler/load"):
        asking.server.post(path, GOOD[path])
    for mode in GenerationMode:

        @seed(SEED + number)
        @settings(
            max_examples=ROUND, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            asking.ask(case)
            asking.ask_well(case)

        try:
            ask()
        except Unsatisfiable:
            continue  # without parameters, nothing can be invalid


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_five_thousand_requests_made_from_the_description_are_answered_as_it_says(
    described: RunningServer,
) -> None:
    schema = schemathesis.openapi.from_dict(described.get("/openapi.json"))
    asking = Asking(described)
    for operation, number in rounds(asking, schema):
        ask_round(asking, operation, number)
    print(f"seed {SEED}, {asking.count} requests: {dict(sorted(asking.statuses.items()))}")
    assert asking.faults == {}
    assert asking.count >= REQUESTS
    clear(described)
    described.post("/models/load", {"model_name": MODEL})
    job = described.post("/txt2img?wait=60", SHORT)
    assert job["status"] == "completed"


def clear(server: RunningServer) -> None:
    """Cancel what waits: thousands of jobs were accepted."""
    for job in server.get("/queue", status="pending", limit=1000)["items"]:
        server.http.delete(f"/queue/{job['job_id']}")
