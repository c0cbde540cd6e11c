"""Which source a pasted link means, and what there."""

import pytest

from sdcpp_restapi.downloads.sources.civitai_links import CivitaiLink, read_civitai_link
from sdcpp_restapi.downloads.sources.huggingface_links import HubLink, read_hub_link
from sdcpp_restapi.downloads.sources.links import parse_link
from sdcpp_restapi.errors import BadRequest

OWN_CIVITAI, OWN_HUB = "models.lan:81", "hub.lan"


def read(text: str) -> CivitaiLink | HubLink | None:
    link = parse_link(text)
    return read_civitai_link(link, OWN_CIVITAI) or read_hub_link(link, OWN_HUB)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://civitai.com/models/101055", CivitaiLink("101055")),
        ("https://www.civitai.com/models/101055/sd-xl", CivitaiLink("101055")),
        (" https://civitai.com/models/1/a?modelVersionId=2&x=y#top ", CivitaiLink("1", "2")),
        ("https://civitai.red/models/1?modelVersionId=2", CivitaiLink("1", "2")),
        ("https://civitai.green/models/1", CivitaiLink("1")),
        ("civitai.com/models/1", CivitaiLink("1")),
        ("http://models.lan:81/models/1", CivitaiLink("1")),
        ("https://civitai.com/models/1?modelVersionId=two", CivitaiLink("1")),
        ("https://civitai.com/api/download/models/2?type=Model&token=secret", CivitaiLink(None, "2")),
        ("https://civitai.com/api/v1/models/1", CivitaiLink("1")),
        ("https://civitai.com/api/v1/model-versions/2", CivitaiLink(None, "2")),
        ("https://civitai.com/model-versions/2", CivitaiLink(None, "2")),
        ("civitai:1", CivitaiLink("1")),
        ("civitai:1:2", CivitaiLink("1", "2")),
        ("civitai:1@2", CivitaiLink("1", "2")),
        ("urn:air:sdxl:model:civitai:101055@128078", CivitaiLink("101055", "128078")),
        ("URN:AIR:sd1:lora:CivitAI:1", CivitaiLink("1")),
        ("air:sdxl:checkpoint:civitai:1@2", CivitaiLink("1", "2")),
        ("urn:air:sdxl:checkpoint:civitai:1@2+3", CivitaiLink("1", "2", "3")),
        ("urn:air:sdxl:checkpoint:civitai:1@2+3.safetensor", CivitaiLink("1", "2", "3")),
        ("urn:air:sd1:model:civitai:1@2:layer.ckpt", CivitaiLink("1", "2")),
        ("urn:air:civitai:1@2", CivitaiLink("1", "2")),
        ("https://huggingface.co/org/name", HubLink("org/name")),
        ("https://hf.co/org/name/", HubLink("org/name")),
        ("huggingface.co/org/name", HubLink("org/name")),
        ("https://hf-mirror.com/org/name", HubLink("org/name")),
        ("http://hub.lan/org/name", HubLink("org/name")),
        ("https://huggingface.co/org/name/tree/main", HubLink("org/name")),
        ("https://huggingface.co/org/name/tree/v1.0/vae/x", HubLink("org/name", "v1.0", "vae/x")),
        ("https://huggingface.co/org/name/discussions/3", HubLink("org/name")),
        ("https://huggingface.co/api/models/org/name", HubLink("org/name")),
        (
            "https://huggingface.co/org/name/blob/main/vae/m%20x.safetensors",
            HubLink("org/name", "main", "vae/m x.safetensors", is_file=True),
        ),
        (
            "https://huggingface.co/org/name/resolve/refs%2Fpr%2F1/m.gguf?download=true",
            HubLink("org/name", "refs/pr/1", "m.gguf", is_file=True),
        ),
        ("hf:org/name", HubLink("org/name")),
        ("hf:org/name@dev", HubLink("org/name", "dev")),
        ("hf:org/name/vae/m.gguf", HubLink("org/name", "main", "vae/m.gguf", is_file=True)),
        ("hf:org/name@dev/m.gguf", HubLink("org/name", "dev", "m.gguf", is_file=True)),
        ("urn:air:model:huggingface:stabilityai/sdxl-vae", HubLink("stabilityai/sdxl-vae")),
        ("urn:air:flux1:model:huggingface:a/FLUX.1-dev@abc", HubLink("a/FLUX.1-dev", "abc")),
        ("https://example.com/models/1/m.gguf", None),
        ("https://notcivitai.com/models/1", None),
        ("https://civitai.com.example.com/models/1", None),
    ],
)
def test_a_link_means_what_people_paste_it_for(text: str, expected: object) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "1 to 4096 characters"),
        ("a lovely cat", "no spaces"),
        ("x" * 5000, "1 to 4096 characters"),
        ("https://civitai.com/images/123", "no address of a model on CivitAI"),
        ("https://civitai.com/user/somebody", "no address of a model on CivitAI"),
        ("https://civitai.com/models/new", "no address of a model on CivitAI"),
        ("civitai:five", "123456, or 123456:789012"),
        ("urn:isbn:0451450523", "an AIR is written"),
        ("urn:air:sdxl:model:civitai:x@y", "123456, or 123456:789012"),
        ("https://huggingface.co/datasets/org/name", "one of the datasets"),
        ("https://huggingface.co/spaces/org/name", "one of the spaces"),
        ("https://huggingface.co/org", "ORG/NAME"),
        ("https://huggingface.co/", "ORG/NAME"),
        ("hf:org", "ORG/NAME"),
        ("hf:org/..", "ORG/NAME"),
        ("http://[::1", "this is not an address"),
    ],
)
def test_what_is_no_link_to_a_model_is_refused_with_what_can_be_given(text: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as refused:
        read(text)
    assert refused.value.field == "link"


def test_a_refused_link_does_not_show_its_secret() -> None:
    with pytest.raises(BadRequest) as refused:
        read("https://civitai.com/images/1?token=very-secret")
    assert "very-secret" not in str(refused.value)
