"""How a file is called that only its answer names."""

import httpx
import pytest

from sdcpp_restapi.downloads.file_names import derive_path
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.schemas.downloads import DownloadRequest

REQUEST = DownloadRequest(model_type="lora", url="https://x")


def answer(url: str, disposition: str | None = None, *before: httpx.Response) -> httpx.Response:
    headers = {} if disposition is None else {"Content-Disposition": disposition}
    found = httpx.Response(200, headers=headers, request=httpx.Request("GET", url))
    found.history = list(before)
    return found


def name(*args: object) -> str:
    return str(derive_path(REQUEST, answer(*args)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        (
            "attachment; filename=\"fallback.safetensors\"; filename*=UTF-8''%E5%90%8D%20x.safetensors",
            "名 x.safetensors",
        ),
        ("attachment; filename*=UTF-8''%E5%90%8D.gguf; filename=fallback.gguf", "名.gguf"),
        ("attachment; FileName*=utf-8'en'n%C3%A4me.gguf; FILENAME=x.gguf", "näme.gguf"),
        ("attachment; filename*=ISO-8859-1''n%E4me.gguf", "näme.gguf"),
        ("attachment; filename*=UTF-8''; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename=\"plain.gguf\"; filename*=UTF-8''%FF%FE.gguf", "plain.gguf"),
        ("attachment; filename*=UTF-8''%FF%FE.gguf; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename*=UTF-8''%ED%A0%80.gguf; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename*=nonsense''n%E4me.gguf; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename*=hex''6162.gguf; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename*=''n%E4me.gguf; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename*=name.gguf; filename=plain.gguf", "name.gguf"),
        ("attachment; filename*0*=UTF-8''%FF; filename*1=x.gguf; filename=plain.gguf", "plain.gguf"),
        ("attachment; filename*=UTF-8''%FF%FE.gguf", "last part.gguf"),
        ("attachment; filename*=", "last part.gguf"),
        ("attachment; filename=plain.gguf", "plain.gguf"),
        ('attachment; filename="with \\"quotes\\".gguf"', "with _quotes_.gguf"),
        ("inline; filename*0=one; filename*1=two.gguf", "onetwo.gguf"),
        ("attachment", "last part.gguf"),
        ("", "last part.gguf"),
        ("attachment; filename=", "last part.gguf"),
        (None, "last part.gguf"),
    ],
)
def test_the_extended_name_counts_before_the_plain_one_and_the_address(
    disposition: str | None, expected: str
) -> None:
    assert name("https://h/a/last%20part.gguf?x=y.pt", disposition) == expected


def test_a_name_that_a_redirect_lost_is_found_before_it() -> None:
    first = answer("https://h/models/Flux.v1.safetensors?token=x")
    named = answer("https://h/get/5", 'attachment; filename="named.safetensors"')
    blob = "https://cdn/3f/3fab12"
    assert name(blob, None, first) == "Flux.v1.safetensors"
    assert name(blob, None, first, named) == "named.safetensors"
    assert name(blob, None, named, first) == "named.safetensors"
    assert name(blob, "attachment; filename=last.gguf", named, first) == "last.gguf"
    assert name("https://cdn/last.GGUF", None, first) == "last.GGUF"


def test_what_no_hop_names_is_refused_by_the_last_address() -> None:
    with pytest.raises(BadRequest, match="'3fab12' is not the name of a model"):
        name("https://cdn/3fab12", None, answer("https://h/get/5"))


@pytest.mark.parametrize("text", ["UTF-8''..%2F..%2Fx.gguf", "UTF-8''%2Fetc%2Fx.gguf", "UTF-8''.hidden.gguf"])
def test_an_extended_name_leads_nowhere_else(text: str) -> None:
    with pytest.raises(BadRequest):
        name("https://h/good.gguf", f"attachment; filename*={text}")
