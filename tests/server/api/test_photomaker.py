"""PhotoMaker fields: the model has a gigabyte whatever its weights, so that the engine is only given them."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_structs import read_struct
from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

BASE: dict[str, Any] = {"prompt": "a man img", "width": 32, "height": 32, "steps": 1}
FIELDS = {
    "pm_id_images": [as_base64(picture(40, 24)), as_base64(picture(16, 16))],
    "pm_id_embed_path": "somebody/id_embeds.bin",
    "pm_style_strength": 35.5,
}
STRUCT = "sd_img_gen_params_t "

# It logs what the engine is given.
SERVER = ServerSetup(flags=["--log-level", "debug"], loads=["minit2i"])


@pytest.fixture(scope="module")
def root(root: Path) -> Path:
    """Beside the model there is a file of photomaker."""
    embeds = root / "models" / "photomaker" / "somebody" / "id_embeds.bin"
    embeds.parent.mkdir(parents=True)
    embeds.write_bytes(b"embeds")
    return root


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            f"/{endpoint}",
            marks=pytest.mark.proves(*(f"{endpoint}.{field}" for field in FIELDS), passed=True),
        )
        for endpoint in ("txt2img", "img2img")
    ],
)
def test_photomaker_gets_pictures_file_and_strength(server: RunningServer, path: str) -> None:
    start = {"init_image_base64": as_base64()} if path == "/img2img" else {}
    answer = server.post(path, BASE | start | FIELDS, expect=202)
    ineffective = ", ".join(FIELDS)
    assert f"{ineffective} have no effect: the model was loaded without photo_maker" in answer["warnings"]
    job = server.wait_for_job(answer["job_id"])
    assert job["status"] == "completed"
    (line,) = [line for line in server.log if STRUCT in line and f'"seed": {job["params"]["seed"]},' in line]
    assert read_struct(line, STRUCT)["pm_params"] == {
        "id_images": [{"width": 40, "height": 24, "channel": 3}, {"width": 16, "height": 16, "channel": 3}],
        "id_images_count": 2,
        "id_embed_path": str(server.models_dir / "photomaker" / "somebody" / "id_embeds.bin"),
        "style_strength": 35.5,
    }


def test_the_pictures_are_stored_with_the_job_and_used_again_by_their_names(server: RunningServer) -> None:
    job = server.make(**BASE | FIELDS)
    stored = [f"input:{job['job_id']}/pm_id_images/{index}" for index in (0, 1)]
    assert job["params"]["pm_id_images"] == stored
    assert [one["field"] for one in job["inputs"]] == ["pm_id_images"] * 2
    assert server.make(**job["params"])["inputs"] == job["inputs"]
