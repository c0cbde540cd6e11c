"""Every set is pulled as it is described, from stand-ins of its architecture, then loaded and drawn."""

import pytest

from sdcpp_restapi.model_sets.library import read_built_in
from sdcpp_restapi.schemas.model_sets import ModelSet
from tests.server.model_sets.conftest import pulled
from tests.support.hub_site import HubSite
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.set_stand_ins import STAND_INS, WITHOUT, publish

SETS = {one.name: one for one in read_built_in()}
# The others have up to two gigabytes, or take seconds.
QUICK = ("z-image-turbo", "flux1-kontext")


@pytest.fixture(scope="module")
def server_setup(environment: dict[str, str]) -> ServerSetup:
    # Hundreds of megabytes from a thread of this process, beside other tests.
    return ServerSetup(env=environment | {"SDCPP_DOWNLOADS_TIMEOUT": "60"})


def publish_in_folder(server: RunningServer, hub: HubSite, of: ModelSet) -> None:
    folder = server.models_dir / "sets"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{of.name}.toml").write_text(publish(of, hub), "utf-8")


def test_every_set_has_a_stand_in_or_is_known_to_have_none() -> None:
    assert set(STAND_INS) | WITHOUT == set(SETS)
    assert set(STAND_INS) & WITHOUT == set()


@pytest.mark.timeout(400)  # for the largest
@pytest.mark.proves("pull.load", "pull.draw", "pull.variant")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.heavy)
        for name in STAND_INS
        if SETS[name].makes in ("images", "videos")
    ],
)
def test_a_set_is_pulled_loaded_and_drawn(server: RunningServer, hub: HubSite, name: str) -> None:
    of = SETS[name]
    publish_in_folder(server, hub, of)
    body = {"set": name, "variant": of.variants[-1].name, "load": True, "draw": True}
    accepted = server.post("/models/pull", body, expect=202)
    job = server.wait_for_job(accepted["download_job_id"], 110)
    assert (job["status"], job.get("warnings")) == ("completed", accepted.get("warnings")), job
    health = server.get("/health")
    assert health["model_architecture"] == of.architecture
    parts = {part for part, file in health["loaded_components"].items() if file}
    assert parts == {file.part for file in of.files_of(of.variants[-1])} - {"model"}
    if of.example is None:
        assert accepted["warnings"] == [f"draw: {name} has no example, since it needs a picture"]
        return
    drawn = server.wait_for_job(accepted["draw_job_id"], 110)
    assert (drawn["status"], len(drawn["outputs"])) == ("completed", 1), drawn
    assert drawn["params"]["prompt"] == of.example


@pytest.mark.parametrize("name", ["realesrgan-x4plus-anime", "realesrgan-x4plus"])
def test_an_upscaler_is_pulled_and_loaded(server: RunningServer, hub: HubSite, name: str) -> None:
    publish_in_folder(server, hub, SETS[name])
    job = pulled(server, name, load=True)
    assert server.get("/health")["upscaler_name"] == job["result"]["name"]


def test_tiny_vaes_are_pulled_under_names_of_their_own(server: RunningServer, hub: HubSite) -> None:
    publish_in_folder(server, hub, SETS["taesd"])
    job = pulled(server, "taesd")
    names = {file["name"] for file in job["result"]["files"]}
    assert names == {"taesd.safetensors", "taesdxl.safetensors", "taesd3.safetensors", "taef1.safetensors"}
