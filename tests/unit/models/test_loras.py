from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.models import lora_tags, loras
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.model_inventory import ModelInventory
from sdcpp_restapi.schemas.cluster import InventoryFile, InventoryReport
from sdcpp_restapi.schemas.engine import LoraFile
from sdcpp_restapi.schemas.generation import LoraUse, Txt2ImgRequest

Put = Callable[..., Path]


def use(name: str, weight: float = 1.0, high_noise: bool = False) -> LoraUse:
    return LoraUse(name=name, weight=weight, high_noise=high_noise)


@pytest.mark.parametrize(
    ("prompt", "clean", "uses"),
    [
        ("a lovely cat <lora:realism_lora:1.0>", "a lovely cat ", [use("realism_lora")]),
        (
            "a beautiful landscape <lora:add_detail:0.8> <lora:enhance_colors:0.5>",
            "a beautiful landscape  ",
            [use("add_detail", 0.8), use("enhance_colors", 0.5)],
        ),
        ("<lora:zimage_amberrayne_v1:0.6>A photo", "A photo", [use("zimage_amberrayne_v1", 0.6)]),
        ("<lora:no_weight>", "", [use("no_weight")]),
        ("<lora:|high_noise|wan high.v1:-.5>", "", [use("wan high.v1", -0.5, True)]),
        ("<lora:sub folder/風景.v1.safetensors:1e-1>", "", [use("sub folder/風景.v1.safetensors", 0.1)]),
        ("< b <lora: spaced : 2 > c", "< b  c", [use("spaced", 2.0)]),
        ("<lo<lora:inner:1>ra:outer:2>", "", [use("inner"), use("outer", 2.0)]),
        ("cat <lora:a:0.8:0.6>", "cat ", [use("a", 0.8)]),
        ("<lora:a:0,8>", "", [use("a", 0.8)]),
        ("<lora:a:1:lbw=1,0,0.5,1>", "", [use("a")]),
        ("<lora:a:lbw=NONE:te=0.5>", "", [use("a")]),
        ("<lora:a:0.5:0.5:MIDD:stop=10>", "", [use("a", 0.5)]),
        ("<lyco:a:0.5>, <LoRA:b>", ", ", [use("a", 0.5), use("b")]),
        ("< lora : a : 0.5 >", "", [use("a", 0.5)]),
        ("a <hypernet:b:1> c", "a  c", []),
    ],
)
def test_tags_are_taken_out(prompt: str, clean: str, uses: list[LoraUse]) -> None:
    assert lora_tags.strip_tags(prompt) == (clean, uses)


@pytest.mark.parametrize(
    "text",
    [
        "<lora:>",
        "<lora::1>",
        "<lora:name:>",
        "<lora:name:high>",
        "<lora:name:nan>",
        "<lora:name:1e999>",
        "<lora:|high_noise|:1>",
        "<lora:|other|name:1>",
        "<LORA:name:high>",
        "<lora:name:1,0,1>",
        "<lyco:name:50%>",
        "<hypernet:>",
        "<lora:name:1",
        "lora:name:1>",
        "<lora:a<b>c:1>",
        "a < b > c >> <",
    ],
)
def test_what_is_not_well_formed_stays_text(text: str) -> None:
    assert lora_tags.strip_tags(text) == (text, [])


@given(st.text().filter(lambda text: "<" not in text))
def test_text_without_an_opening_sign_is_left_alone(text: str) -> None:
    assert lora_tags.strip_tags(text) == (text, [])


pieces = st.sampled_from(
    ["<", ">", "<lora:", "<lora:a", ":1>", "|high_noise|", "a", ":", "0.5", " ", "<lora:b:2>"]
)


@given(st.lists(pieces | st.text(max_size=3), max_size=30).map("".join))
def test_nothing_well_formed_is_left(prompt: str) -> None:
    clean, _ = lora_tags.strip_tags(prompt)
    assert lora_tags.strip_tags(clean) == (clean, [])
    starts = [at for at, sign in enumerate(clean) if sign == "<"]
    ends = [at for at, sign in enumerate(clean) if sign == ">"]
    assert not any(lora_tags.parse_tag(clean[start : end + 1]) for start in starts for end in ends)


@given(st.lists(pieces, max_size=30).map("".join))
def test_only_tags_are_taken_out(prompt: str) -> None:
    clean, uses = lora_tags.strip_tags(prompt)
    assert (clean == prompt) == (not uses)
    rest = iter(prompt)
    assert all(sign in rest for sign in clean)


@pytest.mark.parametrize("unit", ["<lora:", "<lora:a:1>", "<", ">", "<lora:a ", "<lora:" + " " * 1000])
def test_long_prompts_take_no_longer_than_their_length(unit: str) -> None:
    # Below 0.2 s; in a time that grows with the square it meets the timeout of every test.
    lora_tags.strip_tags(unit * (100_000 // len(unit)) + ">")


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("<lora:a:0.8:0.6>", ["prompt: <lora:a:0.8:0.6>: 0.6 has no effect, a LoRA has one weight (0.8)"]),
        ("<lora:a:1:lbw=IN01>", ["prompt: <lora:a:1:lbw=IN01>: lbw=IN01 has no effect"]),
        ("<lora:a:te=1:unet=2>", ["prompt: <lora:a:te=1:unet=2>: te=1 has no effect",
                                  "prompt: <lora:a:te=1:unet=2>: unet=2 has no effect"]),
        ("<hypernet:a:1>", ["prompt: <hypernet:a:1>: no effect, hypernetworks are not supported"]),
        ("<embed:a>", ["prompt: <embed:a> is no tag that has an effect here, it stays part of the text"]),
        ("<lora:a><lyco:b:2><lora:c:0,5> a < b > c <3: x>", []),
    ],
)  # fmt: skip
def test_what_of_a_tag_has_no_effect_is_told(prompt: str, told: list[str]) -> None:
    assert lora_tags.check_tags(Txt2ImgRequest(prompt=prompt)) == told


@pytest.mark.parametrize(
    "text",
    [
        "<lora kohya_F16 0.5>",
        "<lora=kohya_F16:0.5>",
        "<lora：kohya_F16：0.5>",
        "＜lora:kohya_F16:0.5＞",
        "＜LoRA：風景：0.5＞",
        "&lt;lora:kohya_F16:0.5&gt;",
        "[lora:kohya_F16:0.5]",
        "{lora:kohya_F16:0.5}",
        "(lora: kohya_F16)",
        "<lyco kohya_F16>",
        "<lora>",
    ],
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_what_was_meant_as_a_tag_in_other_signs_is_told(text: str, field: str) -> None:
    request = Txt2ImgRequest.model_validate({"prompt": "", field: f"a cat {text}, {text} x"})
    (told,) = lora_tags.check_tags(request)
    assert told.startswith(f"{field}: {text} is no LoRA tag, it stays part of the text; tags are <lora:name>")


@pytest.mark.parametrize(
    "text",
    ["(lora:1.2)", "[lora:0.5]", "[lora]", "a lora > b < lora", "(lora style:1.2)", "<lorax y>", "(color:a)"],
)
def test_the_word_alone_is_a_word(text: str) -> None:
    assert lora_tags.check_tags(Txt2ImgRequest(prompt=text)) == []


def test_tags_in_the_negative_prompt_are_told() -> None:
    request = Txt2ImgRequest(prompt="a", negative_prompt="bad <lora:a:1>")
    assert lora_tags.check_tags(request) == [
        "negative_prompt: <lora:a:1> has no effect: tags act in the prompt"
    ]


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a <lora:> b", "<lora:>"),
        ("a <lora::1>", "<lora::1>"),
        ("<lora:name:>", "<lora:name:>"),
        ("<lora:name:high>", "<lora:name:high>"),
        ("<lora:name:1,0,1>", "<lora:name:1,0,1>"),
        ("<lora:name:nan>", "<lora:name:nan>"),
        ("<lora:name:1e999>", "<lora:name:1e999>"),
        ("<lora:|other|name:1>", "<lora:|other|name:1>"),
        ("<lora:name:1, a cat", "<lora:name:1, a cat"),
        ("<lyco:name", "<lyco:name"),
        ("a lora:name:1> cat", "lora:name:1>"),
        ("< lora : a<b>c:1>", "< lora : a"),
        ("a <lora:x:1\n<lora:y:1>", "<lora:x:1"),
    ],
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_what_was_meant_as_a_tag_and_is_none_is_refused(prompt: str, named: str, field: str) -> None:
    request = Txt2ImgRequest.model_validate({"prompt": "", field: prompt})
    with pytest.raises(BadRequest) as caught:
        lora_tags.check_tags(request)
    assert str(caught.value).startswith(f"{field}: {named} is no tag")


@pytest.mark.parametrize(
    "unit",
    ["lora:", "<lora:", "<lyco:a", "lora:a ", "<aa:", "lora:a\n", "<lora ", "[lora:", "(lora:a", "&lt;lora ",
     "< ", "(lora:1"],
)  # fmt: skip
def test_long_prompts_are_checked_in_the_time_of_their_length(unit: str) -> None:
    request = Txt2ImgRequest(prompt=unit * (300_000 // len(unit)))
    with suppress(BadRequest):
        lora_tags.check_tags(request)


async def test_names_are_found_with_and_without_extension(catalog: Catalog, put: Put) -> None:
    plain = put("lora/add_detail.safetensors")
    dotted = put("lora/sub/style.v1.gguf")
    request = Txt2ImgRequest(
        prompt="cat <lora:add_detail:0.8><lora:sub/style.v1>", negative_prompt="bad <lora:ignored:1>"
    )
    assert await loras.resolve(catalog, request) == loras.ResolvedPrompts(
        "cat ",
        "bad ",
        [LoraFile(path=str(plain), weight=0.8), LoraFile(path=str(dotted), weight=1.0)],
    )


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("UP.SAFETENSORS", ["UP", "UP.SAFETENSORS", "UP.safetensors"]),
        ("sub/Mixed.v1.Gguf", ["sub/Mixed.v1", "sub/Mixed.v1.gguf", "sub/Mixed.v1.GGUF"]),
        ("lower.pt", ["lower", "lower.PT"]),
    ],
)
async def test_the_capitals_of_an_extension_do_not_matter(
    catalog: Catalog, put: Put, file: str, names: list[str]
) -> None:
    path = put(f"lora/{file}")
    inventory = ModelInventory(
        InventoryReport(catalog=1, models=[InventoryFile(type="lora", name=file, size_bytes=1)])
    )
    for name in names:
        assert (await loras.resolve(catalog, Txt2ImgRequest(prompt=f"<lora:{name}:1>"))).loras == [
            LoraFile(path=str(path), weight=1.0)
        ]
        assert inventory.has("lora", name)


async def test_of_two_extensions_the_one_that_is_named_exactly_is_taken(catalog: Catalog, put: Put) -> None:
    for name in ("a.SAFETENSORS", "a.gguf", "a.safetensors"):
        put(f"lora/{name}")
    for asked, found in [("a.SAFETENSORS",) * 2, ("a.safetensors",) * 2, ("a.GGUF", "a.gguf")]:
        (use,) = (await loras.resolve(catalog, Txt2ImgRequest(prompt=f"<lora:{asked}:1>"))).loras
        assert use.path.endswith(f"/{found}")


async def test_the_same_lora_adds_up_for_each_model(catalog: Catalog, put: Put) -> None:
    path = str(put("lora/a.safetensors"))
    request = Txt2ImgRequest(
        prompt="<lora:a:0.5><lora:|high_noise|a:2>",
        loras=[use("a.safetensors", 0.25), use("a", 1.0, high_noise=True)],
    )
    assert (await loras.resolve(catalog, request)).loras == [
        LoraFile(path=path, weight=0.75),
        LoraFile(path=path, weight=3.0, high_noise=True),
    ]


async def test_every_missing_lora_is_named_once(catalog: Catalog, put: Put) -> None:
    outside = put("secret.safetensors")
    put("lora/there.safetensors")
    request = Txt2ImgRequest(
        prompt="<lora:gone:1><lora:there:1><lora:../secret:1><lora:gone:2>", loras=[use(str(outside))]
    )
    with pytest.raises(BadRequest) as caught:
        await loras.resolve(catalog, request)
    assert str(caught.value).endswith(f"lora: gone, ../secret, {outside}")
    assert str(caught.value).startswith("LoRA not found in ")


async def test_weights_that_add_up_to_infinity_are_refused(catalog: Catalog, put: Put) -> None:
    put("lora/a.safetensors")
    with pytest.raises(BadRequest, match=r"weights of a\.safetensors"):
        await loras.resolve(catalog, Txt2ImgRequest(prompt="<lora:a:1e308><lora:a:1e308>"))
