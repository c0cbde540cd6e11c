"""The tiny models on the real engine, without the server."""

from pathlib import Path

import pytest

from tests.support.tiny_models import KINDS, build
from tests.support.tiny_models.drive import drive, generate
from tests.support.tiny_models.models import VIDEO_KINDS

# Four pictures of these take 10 to 20 seconds; the server's tests draw with them too.
LARGE = ("chroma", "qwen_image", "sd1_wide", "sd3_whole", "sdxl")
MODELS = [
    pytest.param(kind, marks=pytest.mark.heavy if kind in LARGE else ())
    for kind, (model_type, _) in sorted(KINDS.items())
    if model_type and kind not in VIDEO_KINDS
]


@pytest.mark.parametrize("kind", MODELS)
def test_a_tiny_model_makes_pictures_that_follow_the_prompt_and_the_seed(kind: str) -> None:
    first, again, other_seed, other_prompt = generate(
        build(kind), {}, {}, {"seed": 2}, {"prompt": "a red house in the snow"}
    )
    assert first["shape"] == [64, 64, 3]
    assert first["deviation"] > 1
    assert first["sha256"] == again["sha256"]
    assert len({first["sha256"], other_seed["sha256"], other_prompt["sha256"]}) == 3


@pytest.mark.parametrize(
    ("kind", "lora"), [("minit2i", "lora_minit2i"), ("flux_schnell", "lora_flux"), ("sd1", "lora_sd1")]
)
def test_a_lora_changes_the_picture(kind: str, lora: str) -> None:
    path = build(lora).files["lora"]
    without, with_lora, without_again = generate(build(kind), {}, {"lora": path}, {})
    assert with_lora["sha256"] != without["sha256"]
    assert without_again["sha256"] == without["sha256"]


def test_an_embedding_changes_what_its_trigger_word_means() -> None:
    trigger = {"prompt": "embedding"}
    (plain,) = generate(build("sd1"), trigger)
    (inverted,) = generate(build("sd1"), trigger, embedding=build("embedding").files["embedding"])
    assert inverted["sha256"] != plain["sha256"]


def test_the_esrgan_model_makes_a_picture_four_times_larger() -> None:
    (picture,) = drive({"esrgan": build("esrgan").files["esrgan"]})
    assert picture["shape"] == [64, 64, 3]
    assert picture["deviation"] > 1


def test_installing_renames_the_components_and_answers_the_body_of_a_load_request(tmp_path: Path) -> None:
    body = build("minit2i").install(tmp_path, names={"model": "flux1-dev-Q4_K_S.gguf", "t5xxl": "t5.gguf"})
    assert body == {"model_name": "flux1-dev-Q4_K_S.gguf", "model_type": "diffusion", "t5xxl": "t5.gguf"}
    assert (tmp_path / "diffusion_models" / "flux1-dev-Q4_K_S.gguf").stat().st_size > 400_000
    assert (tmp_path / "t5" / "t5.gguf").is_file()
    assert build("lora_flux").install(tmp_path, "mine.safetensors") == {"lora": "mine.safetensors"}
