"""Components that the engine ignores, of which its own answer says nothing."""

import json
from typing import Any

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

PICTURE: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": 1, "seed": 1}
IGNORED = "the engine has no use for {} with this model"

SERVER = ServerSetup(models=["taesd"], loads=["minit2i"])


def test_a_component_that_the_model_has_no_use_for_is_told(server: RunningServer) -> None:
    body = build("minit2i").install(server.models_dir) | {"taesd": "taesd.safetensors"}
    warning = f"taesd: {IGNORED.format('taesd.safetensors')}"
    with server.events() as events:
        assert server.post("/models/load", body)["warnings"] == [warning]
        assert events.wait_for("model_loaded")["warnings"] == [warning]


def test_a_job_is_told_of_components_that_its_own_model_has_no_use_for(server: RunningServer) -> None:
    server.post("/models/load", build("minit2i").install(server.models_dir))
    body = build("minit2i").install(server.models_dir) | {"taesd": "taesd.safetensors"}
    told = [f"model.taesd: {IGNORED.format('taesd.safetensors')}"]
    for _ in range(2):  # the second one finds the model in memory
        job = server.make(**PICTURE, model=body)
        assert job["warnings"] == told
        config = json.loads((server.output_dir / job["job_id"] / "config.json").read_text())
        assert config["warnings"] == told
    assert "warnings" not in server.make(**PICTURE)


def test_what_is_picked_for_a_load_is_told(server: RunningServer) -> None:
    body = build("minit2i").install(server.models_dir)
    file = body.pop("t5xxl")
    told = f"t5xxl: not named; {file} was taken, which fits"
    assert server.post("/models/load", body)["warnings"] == [told]
    answer = server.post("/txt2img", {**PICTURE, "model": body}, expect=202)
    assert answer["warnings"] == [f"model.{told}"]
    assert server.wait_for_job(answer["job_id"])["warnings"] == [f"model.{told}"]
    error = server.post("/models/load", {**body, "t5xxl": None}, expect=400)["error"]
    assert error.startswith("t5xxl: MiniT2I needs one")


def test_type_rules_that_act_on_nothing_are_told(server: RunningServer) -> None:
    rules = r"^vae\.=f16,double_blocks=q8_0,no_such_name=f16"
    body = build("minit2i").install(server.models_dir) | {"options": {"tensor_type_rules": rules}}
    assert server.post("/models/load", body)["warnings"] == [
        f"tensor_type_rules: {rule} has no effect: it matches no matrix (convolutions stay f16)"
        " of the model's files"
        for rule in (r"^vae\.=f16", "no_such_name=f16")
    ]


def test_a_component_whose_file_is_no_model_is_refused(server: RunningServer) -> None:
    vae = server.models_dir / "vae" / "page.safetensors"
    vae.parent.mkdir(exist_ok=True)
    vae.write_text("<!doctype html>")
    body = build("minit2i").install(server.models_dir) | {"vae": "page.safetensors"}
    error = server.post("/models/load", body, expect=400)["error"]
    assert error.startswith("vae: page.safetensors can't be used: its header is not valid")


def test_a_load_whose_files_are_all_read_has_no_warnings(server: RunningServer) -> None:
    with server.events() as events:
        assert "warnings" not in server.post("/models/load", build("minit2i").install(server.models_dir))
        assert "warnings" not in events.wait_for("model_loaded")
