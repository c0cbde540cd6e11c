"""What is known of a model because it was loaded before."""

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, put


def test_what_a_header_does_not_tell_is_known_once_the_model_was_loaded(scripted: RunningServer) -> None:
    put(scripted.root, "checkpoints/mute.safetensors")
    request = {"prompt": "a cat", "width": 60, "height": 60, "model": "mute.safetensors"}
    before = scripted.post("/plan", request)
    assert (before["width"], len(before["warnings"])) == (60, 1)
    assert "model: the request was not fitted to it" in before["warnings"][0]
    scripted.post("/models/load", {"model_name": "mute.safetensors"})
    scripted.post("/models/load", {"model_name": MODEL})
    assert scripted.post("/plan", request)["width"] == 64
