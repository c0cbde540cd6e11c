"""Components that the engine ignores, of which its own answer says nothing."""

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

IGNORED = "the engine has no use for {} with this model"

SERVER = ServerSetup(models=["taesd"], loads=["minit2i"])


def test_a_component_that_the_model_has_no_use_for_is_told(server: RunningServer) -> None:
    body = build("minit2i").install(server.models_dir) | {"taesd": "taesd.safetensors"}
    warning = f"taesd: {IGNORED.format('taesd.safetensors')}"
    with server.events() as events:
        assert server.post("/models/load", body)["warnings"] == [warning]
        assert events.wait_for("model_loaded")["warnings"] == [warning]


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
