"""A LoRA draws the same picture, byte for byte, however its tools spelled the layers of the model.

The real engine draws both: the file in the spelling that it reads by itself, and the file as others write it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build
from tests.support.tiny_models.weights import Array

KOHYA = (".lora_down.weight", ".lora_up.weight")
PEFT = (".lora_A.weight", ".lora_B.weight")
NAMED = (".lora_A.ink.weight", ".lora_B.ink.weight")
LINEAR = (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight")
DOTTED = (".lora.down.weight", ".lora.up.weight")
XLABS = (".down.weight", ".up.weight")

type Layers = Mapping[str, tuple[int, int]]


class Target(NamedTuple):
    """Layers of a model, [out, in], what the engine reads before their names, and other names of theirs."""

    model: str
    prefix: str
    layers: Layers
    diffusers: tuple[str, ...] = ()


UNET, DIT = "model.diffusion_model.", "model.diffusion_model."
TARGETS = {
    "unet": Target(
        "sd1",
        UNET,
        {
            "input_blocks.1.1.transformer_blocks.0.attn1.to_q": (32, 32),
            "middle_block.0.in_layers.2": (128, 128),
        },
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "mid_block.resnets.0.conv1"),
    ),
    "clip": Target(
        "sd1",
        "cond_stage_model.transformer.",
        {"text_model.encoder.layers.0.self_attn.q_proj": (768, 768)},
    ),
    "flux": Target(
        "flux_schnell",
        DIT,
        {"double_blocks.0.img_attn.proj": (128, 128), "single_blocks.0.linear2": (128, 640)},
        ("transformer_blocks.0.attn.to_out.0", "single_transformer_blocks.0.proj_out"),
    ),
    "flux qkv": Target(
        "flux_schnell", DIT, {f"transformer_blocks.0.attn.to_{letter}": (128, 128) for letter in "qkv"}
    ),
    "flux ends": Target("flux_schnell", DIT, {"img_in": (128, 64), "final_layer.linear": (64, 128)}),
    "flux whole": Target(
        "flux_schnell",
        DIT,
        {"double_blocks.0.img_attn.qkv": (384, 128), "double_blocks.0.txt_attn.proj": (128, 128)},
        ("double_blocks.0.processor.qkv_lora1", "double_blocks.0.processor.proj_lora2"),  # XLabs
    ),
    "t5": Target(
        "flux_schnell",
        "text_encoders.t5xxl.transformer.",
        {"encoder.block.0.layer.0.SelfAttention.q": (64, 64)},
    ),
    "z-image": Target(
        "zimage", DIT, {"layers.0.attention.out": (256, 256), "layers.0.feed_forward.w1": (768, 256)}
    ),
    "llm": Target("zimage", "text_encoders.llm.", {"model.layers.0.self_attn.q_proj": (4096, 64)}),
}

# {own}: the model's name of the layer, {other}: that of diffusers, own_ and other_: underscores for dots.
CASES = [
    ("unet", "base_model.model.{other}", PEFT),
    ("clip", "text_encoder.{own}", PEFT),
    ("flux qkv", "lora_transformer_{own_}", KOHYA),
    ("flux whole", "{other}", XLABS),
]
MORE_CASES = [
    ("unet", "{own}", KOHYA),
    ("unet", "diffusion_model.{own}", KOHYA),
    ("unet", "lora_unet_{own_}", KOHYA),
    ("unet", "lora_unet_model_diffusion_model_{own_}", KOHYA),
    ("unet", "{other}", KOHYA),
    ("unet", "unet.{other}", DOTTED),
    ("unet", "unet.{other}", ("_lora.down.weight", "_lora.up.weight")),
    ("unet", "unet.{other}", LINEAR),
    ("unet", "unet.{other}", NAMED),
    ("unet", "unet.{other}", (".lora_A", ".lora_B")),
    ("unet", "lora_unet_{other_}", KOHYA),
    ("unet", "lycoris_{other_}", KOHYA),
    ("unet", "base_model.model.unet.{other}", PEFT),
    ("clip", "{own}", KOHYA),
    ("clip", "lora_te_{own_}", KOHYA),
    ("clip", "lora_te1_{own_}", KOHYA),
    ("clip", "text_encoder.{own}", LINEAR),
    ("clip", "base_model.model.{own}", PEFT),
    ("clip", "text_encoders.clip_l.transformer.{own}", KOHYA),
    ("clip", "clip_l.{own}", KOHYA),
    ("flux", "{own}", KOHYA),
    ("flux", "lora_unet_{own_}", KOHYA),
    ("flux", "base_model.model.{own}", PEFT),
    ("flux", "transformer.{other}", PEFT),
    ("flux", "{other}", PEFT),
    ("flux", "lora_transformer_{other_}", KOHYA),
    ("flux", "lycoris_{other_}", KOHYA),
    ("flux", "base_model.model.transformer.{other}", NAMED),
    ("flux qkv", "transformer.{own}", PEFT),
    ("flux qkv", "{own}", KOHYA),
    ("flux qkv", "base_model.model.{own}", PEFT),
    ("flux ends", "lora_unet_{own_}", KOHYA),
    ("flux ends", "diffusion_model.{own}", KOHYA),
    ("flux whole", "{own}", KOHYA),
    ("flux whole", "diffusion_model.{other}", XLABS),
    ("t5", "lora_te2_{own_}", KOHYA),
    ("t5", "lora_te3_{own_}", KOHYA),
    ("t5", "text_encoder_2.{own}", PEFT),
    ("t5", "t5xxl.transformer.{own}", KOHYA),
    ("z-image", "{own}", KOHYA),
    ("z-image", "lora_unet_{own_}", KOHYA),
    ("z-image", "base_model.model.{own}", PEFT),
    ("llm", "text_encoder.{own}", PEFT),
    ("llm", "lora_te_{own_}", KOHYA),
    ("llm", "text_encoders.qwen3_4b.transformer.{own}", KOHYA),
]


class Site:
    """A server that has one model after the other, and LoRAs that are put beside them."""

    def __init__(self, server: RunningServer, loads: Mapping[str, Any]) -> None:
        self.server, self.loads, self.loaded = server, loads, ""
        self._known: dict[str, bytes] = {}

    def put(self, name: str, tensors: Mapping[str, Array]) -> str:
        folder = self.server.models_dir / "loras"
        folder.mkdir(exist_ok=True)
        save_file(dict(tensors), folder / f"{name}.safetensors")
        return name

    def draw(self, model: str, prompt: str, mode: str = "at_runtime") -> tuple[bytes, list[str]]:
        """The pixels, and what was told of LoRAs."""
        if self.loaded != f"{model} {mode}":
            options = {"weight_type": "f16", "lora_apply_mode": mode}
            self.server.post("/models/load", self.loads[model] | {"options": options})
            self.loaded = f"{model} {mode}"
        job = self.server.make(prompt=prompt, width=64, height=64, steps=1, cfg_scale=1, seed=3)
        return pixels(self.server, job), [text for text in job.get("warnings", []) if "lora" in text]

    def draw_once(self, model: str, name: str, tensors: Mapping[str, Array]) -> bytes:
        """The pixels with a LoRA that the engine reads as it is, which differ from those without."""
        if name not in self._known:
            plain, _ = self.draw(model, "a cat")
            self._known[name], told = self.draw(model, f"a cat <lora:{self.put(name, tensors)}:1>")
            assert told == []
            assert self._known[name] != plain
        return self._known[name]

    def copies(self) -> list[Path]:
        return sorted(self.server.data_dir.glob("loras/*"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("spellings")
    loads = {kind: build(kind).install(root / "models") for kind in ("sd1", "flux_schnell", "zimage")}
    server = RunningServer(root)
    yield Site(server, loads)
    server.stop()


def change(layers: Layers, names: list[str], matrices: tuple[str, str] = KOHYA) -> dict[str, Array]:
    """A LoRA that changes these layers, the same whatever they are called."""
    rng = np.random.default_rng(9)
    tensors: dict[str, Array] = {}
    for name, (outputs, inputs) in zip(names, layers.values(), strict=True):
        kernel = (3, 3) if ".in_layers" in str(list(layers)) and inputs == 128 else ()
        down = rng.standard_normal((4, inputs, *kernel), np.float32) * inputs**-0.5
        up = rng.standard_normal((outputs, 4, *(1 for _ in kernel)), np.float32) / 2
        tensors |= {name + matrices[0]: down, name + matrices[1]: up}
    return tensors


@pytest.mark.parametrize(
    ("target", "form", "matrices"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.heavy) for case in MORE_CASES)],
)
def test_every_spelling_draws_what_the_engines_own_draws(
    site: Site, target: str, form: str, matrices: tuple[str, str]
) -> None:
    model, prefix, layers, diffusers = TARGETS[target]
    expected = site.draw_once(model, f"own {target}", change(layers, [prefix + one for one in layers]))
    names = [
        form.format(own=own, own_=own.replace(".", "_"), other=other, other_=other.replace(".", "_"))
        for own, other in zip(layers, diffusers or layers, strict=True)
    ]
    name = site.put("other", change(layers, names, matrices))
    drawn, told = site.draw(model, f"a cat <lora:{name}:1>")
    assert told == []
    assert drawn == expected


@pytest.mark.heavy
def test_a_merged_lora_draws_the_same_in_every_spelling_too(site: Site) -> None:
    layers = TARGETS["flux qkv"].layers
    own = site.put("own", change(layers, [DIT + one for one in layers]))
    other = site.put("other", change(layers, [f"base_model.model.{one}" for one in layers], PEFT))
    first, second = (
        site.draw("flux_schnell", f"a cat <lora:{name}:1>", "immediately") for name in (own, other)
    )
    assert first == second != site.draw("flux_schnell", "a cat", "immediately")


def zeros_for(outputs: int, up: Array, first: int = 0) -> Array:
    """The matrix with rows of zeros around it, so that it changes all of a layer from row `first` on."""
    whole = np.zeros((outputs, up.shape[1]), np.float32)
    whole[first : first + len(up)] = up
    return whole


@pytest.mark.parametrize(
    ("part", "layer", "outputs", "rows", "first"),
    [
        ("transformer.transformer_blocks.0.attn.to_k", "double_blocks.0.img_attn.qkv", 384, 128, 128),
        ("transformer.single_transformer_blocks.0.attn.to_v", "single_blocks.0.linear1", 896, 128, 256),
        ("transformer.single_transformer_blocks.0.proj_mlp", "single_blocks.0.linear1", 896, 512, 384),
        ("single_blocks.0.processor.qkv_lora", "single_blocks.0.linear1", 896, 384, 0),
    ],
)
@pytest.mark.heavy
def test_a_part_of_a_layer_acts_without_the_others(
    site: Site, part: str, layer: str, outputs: int, rows: int, first: int
) -> None:
    matrices = XLABS if "processor" in part else PEFT
    change_of_part = change({part: (rows, 128)}, [part], matrices)
    down, up = change_of_part.values()
    whole = dict(
        zip((DIT + layer + end for end in KOHYA), (down, zeros_for(outputs, up, first)), strict=True)
    )
    expected = site.draw_once("flux_schnell", f"rows of {part}", whole)
    name = site.put("part", change_of_part)
    assert site.draw("flux_schnell", f"a cat <lora:{name}:1>") == (expected, [])


def test_a_file_is_copied_once_and_never_touched_and_what_the_engine_reads_is_not_copied(site: Site) -> None:
    layers = TARGETS["flux qkv"].layers
    before = site.copies()
    name = site.put("once", change(layers, [f"base_model.model.{one}" for one in layers], PEFT))
    path = site.server.models_dir / f"loras/{name}.safetensors"
    content, prompt = path.read_bytes(), f"a cat <lora:{name}:1>"
    assert site.draw("flux_schnell", prompt) == site.draw("flux_schnell", prompt)
    (copy,) = set(site.copies()) - set(before)
    assert path.read_bytes() == content
    weights, copied = load_file(path).values(), load_file(copy).values()
    assert sorted(one.tobytes() for one in weights) == sorted(one.tobytes() for one in copied)
    site.draw_once("flux_schnell", "own flux", change(layers, [DIT + one for one in layers]))
    assert copy in site.copies()
    assert len(site.copies()) == len(before) + 1


def test_tensors_that_fit_nothing_are_counted_against_those_of_the_file(site: Site) -> None:
    layers = TARGETS["flux qkv"].layers
    known = change(layers, [f"base_model.model.{one}" for one in layers], PEFT)
    foreign = change({"a": (8, 8)}, ["base_model.model.blocks.77.attn"], PEFT)
    _, told = site.draw("flux_schnell", f"a cat <lora:{site.put('some', known | foreign)}:1>")
    assert told == ["loras: 6 of 8 tensors of some.safetensors acted, the others do not fit this model"]
    (only_k,) = [{k: v for k, v in known.items() if "to_k" in k}]
    _, told = site.draw("flux_schnell", f"a cat <lora:{site.put('few', only_k | foreign)}:1>")
    assert told == ["loras: 2 of 4 tensors of few.safetensors acted, the others do not fit this model"]
