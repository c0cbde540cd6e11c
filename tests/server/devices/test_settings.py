"""engine.devices: what may stand there, and what becomes of it."""

import ctypes
import re
from typing import Any

import psutil
import pytest

from sdcpp_restapi.config import Engine, read_settings
from sdcpp_restapi.engine.binding.library import Library
from sdcpp_restapi.engine.binding.load_params import build_context_params
from sdcpp_restapi.engine.binding.self_check import open_library
from sdcpp_restapi.errors import BadSettings
from sdcpp_restapi.schemas.models import LoadOptions, ModelFiles
from tests.server.devices.conftest import PROMPT, StartDevices, load_body, load_everywhere


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("cpu:1,cpu:1", ["cpu:1", "cpu:1"]),
        ("CUDA0, CUDA1", ["CUDA0", "CUDA1"]),
        ('["cpu"]', ["cpu"]),
        ("[]", []),
    ],
)
def test_the_environment_has_devices_as_a_list(
    monkeypatch: pytest.MonkeyPatch, written: str, means: list[str]
) -> None:
    monkeypatch.setenv("SDCPP_ENGINE_DEVICES", written)
    assert read_settings().engine.devices == means


@pytest.mark.parametrize(
    ("devices", "why"),
    [
        (["cpu:0"], "'cpu:0' is not a device"),
        (["cpu:many"], "'cpu:many' is not a device"),
        (["CUDA0,te=cpu"], "is not a device"),
        ([""], "'' is not a device"),
        (["CUDA0", "cuda0"], "'cuda0' is there twice, which only cpu may be"),
    ],
)
def test_what_is_no_device_is_refused(devices: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Engine(devices=devices)
    with pytest.raises(BadSettings, match="devices"):
        read_settings(flags={"engine": {"devices": devices}})


def test_the_device_is_the_backend_of_all_parts_but_those_that_stay_on_the_cpu(library: Library) -> None:
    files = ModelFiles(main="/m.gguf", model_type="checkpoint")
    call = build_context_params(library, files, LoadOptions(), "cpu")
    assert call.struct.backend == b"*=cpu,te=cpu"
    assert "backend: *=cpu,te=cpu" in library.read_string("sd_ctx_params_to_str", ctypes.byref(call.struct))


def test_threads_are_those_of_the_device_unless_the_load_says_otherwise(start_devices: StartDevices) -> None:
    server = start_devices("cpu:3", "--log-level", "debug")
    body: dict[str, Any] = load_body(server.root)
    load_everywhere(server, body)
    server.wait_for_log("using 3 threads for model loading")
    load_everywhere(server, body | {"options": {"n_threads": 5}})
    server.wait_for_log("using 5 threads for model loading")


def test_a_server_without_devices_says_so_and_answers(start_devices: StartDevices) -> None:
    server = start_devices("[]")
    assert psutil.Process(server.process.pid).children() == []
    assert server.get("/health")["loaded_slots"] == []
    body = load_body(server.root)
    model = server.models_dir / "diffusion_models" / body["model_name"]
    server.post("/models/unload")
    for path, request, status in (
        ("/models/load", body, 500),
        ("/txt2img", PROMPT | {"model": body["model_name"]}, 400),
        ("/convert", {"input_path": str(model), "output_type": "q8_0"}, 400),
    ):
        assert "no engine of its own" in server.post(path, request, expect=status)["error"], path


def test_a_device_that_is_not_there_is_told_and_its_slot_takes_no_jobs(
    start_devices: StartDevices,
) -> None:
    server = start_devices("cpu:1,CUDA7")
    server.wait_for_log("the engine knows no device")
    told = server.get("/health")["last_error"]
    assert "'CUDA7'" in told
    assert "CPU" in told
    answer = server.post("/models/load", load_body(server.root))
    assert all("CUDA7" in warning for warning in answer.get("warnings", []))
    jobs = [server.submit(**PROMPT | {"seed": seed}) for seed in range(4)]
    assert {server.wait_for_job(job)["status"] for job in jobs} == {"completed"}


def test_where_no_device_is_there_loads_and_jobs_fail_with_the_reason(start_devices: StartDevices) -> None:
    server = start_devices("CUDA7")
    body = load_body(server.root)
    assert "'CUDA7'" in server.post("/models/load", body, expect=500)["error"]
    job = server.wait_for_job(server.submit(**PROMPT, model=body["model_name"]))
    assert job["status"] == "failed"
    assert "'CUDA7'" in job["error"]
