"""What POST /convert refuses before the engine sees it."""

from pathlib import Path

import pytest

from tests.server.convert.conftest import ZIMAGE, convert, refused, types_in
from tests.support.raw_safetensors import write_raw
from tests.support.running_server import RunningServer, StartServer
from tests.support.tiny_models import build


def test_q8_k_which_the_engine_cannot_write(server: RunningServer) -> None:
    error = refused(server, input_path=ZIMAGE, output_type="q8_k")
    assert "output_type" in error
    assert "'q8_k'" in error
    assert "cannot write" in error


@pytest.mark.parametrize("kind", ["q9_0", "", "f16 q8_0", 8])
def test_a_type_that_does_not_exist(server: RunningServer, kind: object) -> None:
    assert "output_type" in refused(server, input_path=ZIMAGE, output_type=kind)


@pytest.mark.parametrize(
    "path",
    [
        "../diffusion_models/" + ZIMAGE,
        "sub/../" + ZIMAGE,
        "/etc/passwd",
        "nothing.safetensors",
        "..\\" + ZIMAGE,
        "a\0b.safetensors",
        "x" * 5000 + ".safetensors",
    ],
)
@pytest.mark.parametrize("field", ["input_path", "vae_path"])
def test_an_input_outside_of_the_model_folders_or_missing(
    server: RunningServer, field: str, path: str
) -> None:
    assert field in refused(server, **{"input_path": ZIMAGE, field: path})


def test_an_input_that_is_no_model_file(server: RunningServer, root: Path) -> None:
    (root / "models/diffusion_models/notes.txt").write_text("secret")
    assert "is no model file" in refused(server, input_path="notes.txt")


@pytest.mark.parametrize("field", ["input_path", "vae_path"])
def test_an_input_whose_header_is_not_valid(server: RunningServer, root: Path, field: str) -> None:
    (root / "models/diffusion_models/text.safetensors").write_text("not a model")
    error = refused(server, **{"input_path": ZIMAGE, field: "text.safetensors"})
    assert error.startswith(f"{field}: text.safetensors can't be used: its header is not valid")


@pytest.mark.parametrize("field", ["input_path", "vae_path"])
def test_scaled_fp8_whose_scales_can_not_be_applied(server: RunningServer, root: Path, field: str) -> None:
    tensors = {"a.weight": ("F8_E4M3", [8, 4]), "a.weight_scale": ("F32", [3])}
    write_raw(root / "models/vae/scaled.safetensors", tensors)
    error = refused(server, **{"input_path": ZIMAGE, field: "scaled.safetensors"})
    assert error == (
        f"{field}: the scales of scaled.safetensors can't be applied:"
        " a.weight has shape [8, 4], its scale [3]"
    )


def test_an_input_that_is_in_several_folders(server: RunningServer, root: Path) -> None:
    for folder in ("vae", "clip"):
        (root / "models" / folder).mkdir(exist_ok=True)
        (root / "models" / folder / "twice.safetensors").touch()
    error = refused(server, input_path="twice.safetensors")
    assert "vae/twice.safetensors" in error
    assert "clip/twice.safetensors" in error


@pytest.mark.parametrize(
    "path",
    [
        "../escaped.gguf",
        "/tmp/escaped.gguf",
        "missing_folder/x.gguf",
        ".hidden.gguf",
        "x.safetensors",
        "x",
        "x\0.gguf",
    ],
)
def test_an_output_that_would_not_be_a_listed_gguf_file(server: RunningServer, path: str) -> None:
    assert "output_path" in refused(server, input_path=ZIMAGE, output_path=path)


def test_an_output_that_is_the_input(server: RunningServer, root: Path) -> None:
    convert(server, input_path=ZIMAGE, output_type="f16", output_path="itself.gguf")
    error = refused(server, input_path="itself.gguf", output_path="itself.gguf", overwrite=True)
    assert "is an input" in error


@pytest.mark.proves("convert.overwrite")
def test_an_existing_file_unless_overwrite_is_true(server: RunningServer, root: Path) -> None:
    path = root / "models/diffusion_models/there.gguf"
    convert(server, input_path=ZIMAGE, output_type="f16", output_path="there.gguf")
    error = refused(server, input_path=ZIMAGE, output_path="there.gguf")
    assert str(path) in error
    assert "overwrite" in error
    convert(server, input_path=ZIMAGE, output_type="q8_0", output_path=str(path), overwrite=True)
    assert "q8_0" in {kind for kind, _ in types_in(path).values()}


def test_the_second_of_two_jobs_with_one_output_fails(server: RunningServer, root: Path) -> None:
    body = {"input_path": ZIMAGE, "output_type": "f16", "output_path": "raced.gguf"}
    first, second = server.submit("/convert", **body), server.submit("/convert", **body)
    assert server.wait_for_job(first)["status"] == "completed"
    job = server.wait_for_job(second)
    assert job["status"] == "failed"
    assert "exists by now" in job["error"]


@pytest.mark.parametrize(
    "rules",
    [
        "attention",
        "=f16",
        "attention=",
        "attention=q9_0",
        "attention=q8_k",
        "(a=f16",
        "[=f16",
        "*=f16",
        "a++=f16",
        "(?<=a)b=f16",
        "(?i)a=f16",
        "a{99999}=f16",
        "\\=f16",
        "a=f16,b",
        "x" * 5000 + "=f16",
    ],
)
def test_rules_that_the_engine_would_ignore_or_die_of(server: RunningServer, rules: str) -> None:
    assert "tensor_type_rules" in refused(server, input_path=ZIMAGE, tensor_type_rules=rules)


def test_such_rules_are_refused_by_a_load_as_well(server: RunningServer, zimage: dict[str, str]) -> None:
    body = {**zimage, "options": {"tensor_type_rules": "(a=f16"}}
    assert "tensor_type_rules" in server.post("/models/load", body, expect=400)["error"]


def test_convert_dirs_opens_another_folder(start_server: StartServer, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    source = other / "model.safetensors"
    source.write_bytes(build("zimage").files["model"].read_bytes())
    server = start_server(env={"SDCPP_PATHS_CONVERT_DIRS": str(other)})
    job = convert(server, input_path=str(source), output_type="q8_0")
    assert job["output_path"] == str(other / "model.q8_0.gguf")
    path = str(other / "model.q8_0.gguf")
    assert job["result"] == {"path": path, "model_type": None, "name": "model.q8_0.gguf"}
    assert (other / "model.q8_0.gguf").is_file()
