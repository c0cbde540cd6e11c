"""POST /convert with the real engine; what it wrote is read with the gguf package."""

from pathlib import Path

import pytest

from sdcpp_restapi.engine.binding.names import QUANTIZATION_TYPES, WRITABLE_TYPES
from tests.server.convert.conftest import ZIMAGE, convert, types_in
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

# What the engine keeps as it was, whatever the type: its own list, seen in what it writes (487de75).
KEPT = ("x_embedder", "t_embedder", "final_layer")
BLOCK = {name: 256 if name.endswith("_k") else 32 if name.startswith("q") else 1 for name in WRITABLE_TYPES}


def test_the_types_are_those_of_options(server: RunningServer) -> None:
    listed = {one["id"] for one in server.get("/options")["quantization_types"]}
    assert listed == set(QUANTIZATION_TYPES) == {*WRITABLE_TYPES, "q8_k"}


@pytest.mark.proves("convert.output_type")
@pytest.mark.parametrize("kind", WRITABLE_TYPES)
def test_the_tensors_have_the_type_that_was_asked_for(server: RunningServer, root: Path, kind: str) -> None:
    job = convert(server, input_path=ZIMAGE, output_type=kind.upper())
    output = root / f"models/diffusion_models/z_image.{kind}.gguf"
    assert job["output_path"] == str(output)
    matrices = {
        name: found
        for name, (found, shape) in types_in(output).items()
        if len(shape) > 1 and shape[0] % BLOCK[kind] == 0 and not any(part in name for part in KEPT)
    }
    assert len(matrices) > 15
    assert set(matrices.values()) == {kind}


@pytest.mark.proves("convert.input_path", "convert.output_path")
def test_the_answer_and_the_job_tell_where_the_file_goes(server: RunningServer, root: Path) -> None:
    body = {"input_path": ZIMAGE, "output_type": "q8_0", "output_path": "told.gguf"}
    path = str(root / "models/diffusion_models/told.gguf")
    with server.events() as events:
        answer = server.post("/convert", body, expect=202)
        assert {k: v for k, v in answer.items() if k != "job_id"} == {
            "status": "pending",
            "position": 1,
            "output_path": path,
        }
        added = events.wait_for("job_added", lambda data: data["job_id"] == answer["job_id"])
        assert added["type"] == "convert"
    job = server.wait_for_job(answer["job_id"])
    assert job["outputs"] == []
    assert job["result"] == {"path": path, "model_type": "diffusion", "name": "told.gguf"}
    assert job["params"]["input_path"] == str(root / "models/diffusion_models" / ZIMAGE)
    assert not (server.output_dir / job["job_id"]).exists()


def test_the_new_model_is_listed_at_once(server: RunningServer) -> None:
    convert(server, input_path=ZIMAGE, output_type="f16", output_path="at_once.gguf")
    names = [entry["name"] for entry in server.get("/models", type="diffusion")["diffusion_models"]]
    assert "at_once.gguf" in names


def test_nothing_unfinished_stays_in_the_folder(server: RunningServer, root: Path) -> None:
    convert(server, input_path=ZIMAGE, output_type="f16", output_path="tidy.gguf")
    assert not list((root / "models").rglob(".*"))


def test_progress_counts_tensors(server: RunningServer) -> None:
    with server.events() as events:
        job_id = server.submit("/convert", input_path=ZIMAGE, output_type="q4_0", output_path="counted.gguf")
        last = events.wait_for(
            "job_progress", lambda data: data["job_id"] == job_id and data["step"] == data["total_steps"]
        )
    assert last["total_steps"] > 40
    assert server.wait_for_job(job_id)["progress"]["percentage"] == 100.0


@pytest.mark.parametrize("kind", ["q8_0", "q4_k", "bf16"])
def test_a_converted_model_loads_and_makes_pictures(
    server: RunningServer, zimage: dict[str, str], kind: str
) -> None:
    name = f"loads_{kind}.gguf"
    convert(server, input_path=ZIMAGE, output_type=kind, output_path=name)
    loaded = server.post("/models/load", {**zimage, "model_name": name, "options": {"n_threads": 2}})
    assert loaded["model_architecture"] == "Z-Image"
    job = server.make(prompt="a cat", width=64, height=64, steps=1, cfg_scale=1, seed=1)
    assert len(job["outputs"]) == 1


def test_a_conversion_leaves_the_loaded_model_alone(server: RunningServer, zimage: dict[str, str]) -> None:
    server.post("/models/load", {**zimage, "options": {"n_threads": 2}})
    with server.events() as events:
        convert(server, input_path=ZIMAGE, output_type="f16", output_path="beside.gguf")
        server.make(prompt="a cat", width=64, height=64, steps=1, cfg_scale=1, seed=1)
        assert not [event for event in events.heard if event["event"].startswith("model_")]
    assert server.get("/health")["loaded_slots"][0]["model_name"] == ZIMAGE


@pytest.mark.proves("convert.tensor_type_rules")
def test_rules_give_some_tensors_another_type(server: RunningServer, root: Path) -> None:
    rules = r"attention\.=q4_K, feed_forward=F16"
    job = convert(
        server,
        input_path=ZIMAGE,
        output_type="q8_0",
        output_path="rules.gguf",
        tensor_type_rules=rules,
    )
    assert job["params"]["tensor_type_rules"] == r"attention\.=q4_k,feed_forward=f16"
    found = types_in(root / "models/diffusion_models/rules.gguf")
    attention = {kind for name, (kind, shape) in found.items() if "attention." in name and len(shape) > 1}
    feed_forward = {kind for name, (kind, _) in found.items() if "feed_forward" in name}
    rest = {kind for name, (kind, shape) in found.items() if "adaLN" in name and len(shape) > 1}
    assert "q4_k" in attention
    assert feed_forward == {"f16"}
    assert "q8_0" in rest


def test_rules_for_a_vae_act_by_the_documents_name_for_it(server: RunningServer) -> None:
    files = build("sd1_vae").install(server.models_dir)
    body = {"input_path": files["model_name"], "output_type": "q8_0", "vae_path": files["vae"]}
    job = convert(server, **body, output_path="vae_f32.gguf", tensor_type_rules=r"^vae\.=f32")
    found = types_in(job["output_path"]).items()
    vae = {kind for name, (kind, _) in found if name.startswith("first_stage_model.")}
    rest = {kind for name, (kind, _) in found if not name.startswith("first_stage_model.")}
    assert vae == {"f32"}
    assert "q8_0" in rest


def test_rules_that_act_on_nothing_are_told(server: RunningServer) -> None:
    rules = r"attention\.=f16,^vae\.=f16"
    body = {
        "input_path": ZIMAGE,
        "output_type": "q8_0",
        "output_path": "idle.gguf",
        "tensor_type_rules": rules,
    }
    answer = server.post("/convert", body, expect=202)
    assert answer["warnings"] == [
        r"tensor_type_rules: ^vae\.=f16 has no effect:"
        " it matches no tensor of the model's files"
    ]
    assert server.wait_for_job(answer["job_id"])["warnings"] == answer["warnings"]


@pytest.mark.proves("convert.vae_path")
def test_a_vae_is_baked_in_so_that_the_model_needs_no_other(server: RunningServer, root: Path) -> None:
    files = build("sd1_vae").install(root / "models")
    without = {"model_name": files["model_name"], "vae": "", "taesd": "", "options": {"n_threads": 2}}
    assert "vae: SD1.5 needs one" in server.post("/models/load", without, expect=400)["error"]
    job = convert(server, input_path=files["model_name"], output_type="q8_0", vae_path=files["vae"])
    names = types_in(job["output_path"])
    assert [name for name in names if name.startswith("first_stage_model.decoder")]
    server.post("/models/load", {**without, "model_name": job["result"]["name"]})
    assert server.make(prompt="a cat", width=64, height=64, steps=1, cfg_scale=1)["outputs"]


def test_another_models_text_encoder_converts_too(
    server: RunningServer, root: Path, zimage: dict[str, str]
) -> None:
    job = convert(server, input_path=zimage["llm"], output_type="q8_0")
    assert job["result"]["model_type"] == "llm"
    body = {**zimage, "llm": job["result"]["name"], "options": {"n_threads": 2}}
    server.post("/models/load", body)
    assert server.make(prompt="a cat", width=64, height=64, steps=1, cfg_scale=1)["outputs"]


def test_a_file_that_is_no_model_fails_in_the_engines_words(server: RunningServer, root: Path) -> None:
    (root / "models/vae").mkdir(exist_ok=True)
    (root / "models/vae/text.ckpt").write_text("not a model")
    job = server.wait_for_job(server.submit("/convert", input_path="text.ckpt", output_type="f16"))
    assert job["status"] == "failed"
    assert "text.ckpt" in job["error"]
    assert not list((root / "models/vae").glob("*.gguf"))
    assert not list((root / "models").rglob(".*"))
