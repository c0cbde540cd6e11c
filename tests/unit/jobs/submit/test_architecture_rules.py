"""What the model as it was loaded makes of a request."""

from typing import Any

import pytest

from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.jobs.submit.architecture_rules import fit_to_architecture, set_tiling
from sdcpp_restapi.models import architectures
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions, LoadRequest
from sdcpp_restapi.schemas.video import Txt2VidRequest

PLAIN = LoadOptions()
SIZES = LoadOptions(vae_tile_size_x=16, vae_tile_size_y=20, vae_tile_overlap=0.125)
TILED = SIZES.model_copy(update={"vae_tiling": True})
FIELDS = ("vae_tiling", "vae_tile_size_x", "vae_tile_size_y", "vae_tile_overlap")


def tiling(given: dict[str, Any], options: LoadOptions) -> tuple[Any, ...]:
    """The four fields that the engine gets."""
    made = []
    for kind in (Txt2ImgRequest, Txt2VidRequest):
        request = kind.model_validate({"prompt": "a", **given})
        fitted = set_tiling(request, LoadRequest(model_name="m", options=options))
        again = set_tiling(kind.model_validate(fitted.model_dump()), LoadRequest(model_name="m"))
        assert again == fitted, "what is stored means the same whatever the model was loaded with"
        made.append(tuple(getattr(fitted, field) for field in FIELDS))
    assert made[0] == made[1]
    return made[0]


def test_the_scheduler_that_ends_the_engine_with_sd2_is_refused() -> None:
    sd2, sd1 = (architectures.find_by_engine_name(name) for name in ("SD 2.x", "SD 1.x"))
    assert sd1
    assert sd2
    request = Txt2ImgRequest(prompt="a", scheduler="ays")
    assert fit_to_architecture(request, sd1, LoadRequest(model_name="m"), []).scheduler == "ays"
    with pytest.raises(BadRequest, match="scheduler: 'ays' is not allowed"):
        fit_to_architecture(request, sd2, LoadRequest(model_name="m"), [])


@pytest.mark.parametrize(
    ("given", "options", "effective"),
    [
        ({}, PLAIN, (False, 0, 0, 0.5)),
        ({}, TILED, (True, 16, 20, 0.125)),
        ({"vae_tiling": None}, TILED, (True, 16, 20, 0.125)),
        ({"vae_tiling": False}, TILED, (False, 0, 0, 0.5)),
        ({"vae_tiling": True}, PLAIN, (True, 0, 0, 0.5)),
        ({"vae_tiling": True}, SIZES, (True, 16, 20, 0.125)),
        ({"vae_tiling": True, "vae_tile_size_x": 24}, TILED, (True, 24, 20, 0.125)),
        ({"vae_tiling": True, "vae_tile_size_x": 0, "vae_tile_overlap": 0.5}, TILED, (True, 0, 20, 0.5)),
        ({"vae_tile_size_y": 24, "vae_tile_overlap": 0.0}, TILED, (True, 16, 24, 0.0)),
    ],
)
def test_what_a_request_does_not_give_of_tiling_is_as_the_model_was_loaded(
    given: dict[str, Any], options: LoadOptions, effective: tuple[Any, ...]
) -> None:
    assert tiling(given, options) == effective


@pytest.mark.parametrize("kind", [Txt2ImgRequest, Img2ImgRequest])
def test_reference_images_are_refused_where_they_end_the_engine(
    kind: type[Txt2ImgRequest] | type[Img2ImgRequest],
) -> None:
    zimage, flux = (architectures.find_by_name(name) for name in ("Z-Image", "Flux"))
    assert zimage
    assert flux
    body = {"prompt": "a", "init_image_base64": "x"}
    request = kind.model_validate(body | {"ref_images": ["x", "y"]})
    with pytest.raises(BadRequest, match=r"^ref_images: 2 are not allowed; .*Z-Image") as caught:
        fit_to_architecture(request, zimage, LoadRequest(model_name="m"), [])
    assert caught.value.field == "ref_images"
    assert fit_to_architecture(request, flux, LoadRequest(model_name="m"), []).model_dump()["ref_images"] == [
        "x",
        "y",
    ]
    assert fit_to_architecture(kind.model_validate(body), zimage, LoadRequest(model_name="m"), []).width
