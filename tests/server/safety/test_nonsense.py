"""Whatever is sent, the answer is one of ours: never a traceback, never an undocumented 5xx."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdcpp_restapi.schemas.generation import Img2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.video import Txt2VidRequest
from tests.support.raw_requests import Answer, request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SHORT, put

REPEATABLE = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["", "nan", "-1", "1e400", "\0", "\u202e", "../..", "input:x/y", "<lora:x:1>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def is_ours(answer: Answer, allowed: tuple[int, ...]) -> None:
    """The status is allowed, errors have the one shape, and nothing of our insides is told."""
    assert answer.status in allowed, answer.body
    if answer.status >= 400:
        assert list(json.loads(answer.body))[:2] == ["error", "code"]
    for inside in (b"Traceback", b"sdcpp_restapi/", b'File "', b"site-packages"):
        assert inside not in answer.body


def post(server: RunningServer, path: str, body: object) -> Answer:
    return request(server, path, method="POST", body=json.dumps(body).encode())


@given(fields=st.dictionaries(st.sampled_from(sorted(Img2ImgRequest.model_fields)), JSON, max_size=4))
@REPEATABLE
def test_any_json_in_any_field_is_accepted_or_refused(
    scripted: RunningServer, fields: dict[str, Any]
) -> None:
    for path in ("/txt2img", "/img2img"):
        is_ours(post(scripted, path, {"prompt": "a cat", "steps": 1, "batch_count": 1} | fields), (202, 400))
    scripted.http.get("/queue", params={"limit": 5}).raise_for_status()


@pytest.fixture(scope="module")
def filming(scripted: RunningServer) -> Iterator[RunningServer]:
    """The scripted server with a model that makes videos."""
    put(scripted.root, "diffusion_models/wan.safetensors")
    scripted.post("/models/load", {"model_name": "wan.safetensors", "model_type": "diffusion"})
    yield scripted
    scripted.post("/models/load", {"model_name": MODEL})


@given(fields=st.dictionaries(st.sampled_from(sorted(Txt2VidRequest.model_fields)), JSON, max_size=4))
@REPEATABLE
def test_any_json_in_any_field_of_a_video_is_accepted_or_refused(
    filming: RunningServer, fields: dict[str, Any]
) -> None:
    is_ours(post(filming, "/txt2vid", {"prompt": "a cat", "steps": 1} | fields), (202, 400))
    filming.http.get("/queue", params={"limit": 5}).raise_for_status()


@given(fields=st.dictionaries(st.sampled_from(sorted(LoadRequest.model_fields)), JSON, max_size=4))
@REPEATABLE
def test_any_json_in_a_load_is_refused(scripted: RunningServer, fields: dict[str, Any]) -> None:
    is_ours(post(scripted, "/models/load", fields), (400, 500))


@given(body=JSON)
@REPEATABLE
def test_any_json_as_preview_settings_is_accepted_or_refused(scripted: RunningServer, body: object) -> None:
    answer = request(scripted, "/preview/settings", method="PUT", body=json.dumps(body).encode())
    is_ours(answer, (200, 400))


@given(body=st.binary(max_size=200))
@REPEATABLE
def test_any_bytes_are_no_request(scripted: RunningServer, body: bytes) -> None:
    is_ours(request(scripted, "/txt2img", method="POST", body=body), (400,))


@given(
    query=st.dictionaries(
        st.sampled_from(["status", "type", "search", "order", "limit", "offset", "extension", "name"]),
        st.text(max_size=10),
    )
)
@REPEATABLE
def test_any_query_is_answered_or_refused(scripted: RunningServer, query: dict[str, str]) -> None:
    for path in ("/queue", "/models"):
        answer = scripted.http.get(path, params=query)
        is_ours(Answer(answer.status_code, answer.headers, answer.content), (200, 400))


@pytest.mark.parametrize(
    "body",
    [
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "a cat", "\\ud800": 1}',
        b'{"prompt": "a cat", "sampler": "\\ud800"}',
        b'{"prompt": "a cat", "loras": [{"name": "\\ud800"}]}',
        b'{"prompt": "a cat", "prompt": 1}',
        b'{"prompt": "a cat", "": 1}',
        b'{"prompt": "a cat", "width": 1' + b"0" * 5000 + b"}",
        b'{"prompt": "a cat", "seed": -1e309}',
        b'{"prompt": "' + b"<lora:" * 3000 + b'"}',
        b'{"prompt": "a cat", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=lambda body: body[:40],
)  # fmt: skip
def test_ugly_json_is_accepted_or_refused(scripted: RunningServer, body: bytes) -> None:
    is_ours(request(scripted, "/txt2img", method="POST", body=body), (202, 400))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "path", ["/health", "/txt2img", "/queue/x", "/models/load", "/output/x", "/ws", "/x"]
)
def test_any_method_on_any_path_is_answered_in_our_shape(
    scripted: RunningServer, method: str, path: str
) -> None:
    is_ours(request(scripted, path, method=method), (200, 400, 404, 405))


def test_a_component_name_that_is_not_unicode_is_refused(scripted: RunningServer) -> None:
    body = b'{"model_name": "x", "vae": "\\ud800"}'
    is_ours(request(scripted, "/models/load", method="POST", body=body), (400,))


def test_the_server_still_works_after_all_this(scripted: RunningServer) -> None:
    scripted.post("/models/load", {"model_name": MODEL})
    assert scripted.make(**SHORT)["status"] == "completed"
