"""The layers of a model by all names under which a LoRA may mean them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ...schemas.inspection import Kind
from ..headers.header import Header, Tensor
from ..recognition import find_parts
from .aliases import Alias, find_diffusion_aliases, find_encoder_names, is_flux, is_unet
from .engine_reading import DIFFUSION, read_layer, separate

# Before the layers of a diffusion model, as copies have them.
OWN_PREFIX = "diffusion_model."
TEXT_ENCODERS: tuple[Kind, ...] = ("clip_l", "clip_g", "t5xxl", "llm")

# What stands before a layer's name, with underscores for all separators; some say which network it is of.
_PREFIX = re.compile(
    r"base_model_model_|lora_|lycoris_"
    r"|(?P<diffusion>(?:model_)?diffusion_model_|unet_|transformer_)"
    r"|(?P<text>text_encoders_(?:\w+?_transformer_)?|text_encoder_(?:[23]_)?"
    r"|(?:te[123]?|clip_[lg]|t5xxl|llm|cond_stage_model(?:_1)?|conditioner_embedders_[01])_(?:transformer_)?)"
)


class Layer(NamedTuple):
    """A layer, or one of the parts of `whole`, which the engine keeps in one.

    `name` is spelled as the engine is to be given it. `shape` is [out, in, ...].
    """

    network: Kind
    name: str
    shape: tuple[int, ...]
    type: str
    whole: str = ""
    at: int = 0


@dataclass
class ModelLayers:
    """All layers of a model; empty for files whose headers are not read."""

    unet: bool = False
    flux: bool = False
    _layers: dict[Kind, dict[str, Layer]] = field(default_factory=dict)
    _read_as: dict[str, Layer] = field(default_factory=dict)
    _parts: dict[str, list[Layer]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[tuple[str, Header]]) -> "ModelLayers":
        """Those of the files of a model, each with its role: "model" or the name of a component."""
        found = cls()
        networks = [
            (role if role in TEXT_ENCODERS else kind, _list_layers(part))
            for role, header in files
            for kind, part in find_parts(header.tensors)
        ]
        for kind, layers in networks:
            if kind == "diffusion":
                found._add_diffusion(layers)
        for kind in TEXT_ENCODERS:
            for other, layers in networks:
                if other == kind:
                    found._add_encoder(kind, layers)
        return found

    def find(self, spelling: str) -> Iterator[Layer]:
        """The layers that a LoRA may mean, the likeliest first."""
        key, networks = _make_key(spelling), tuple(self._layers)
        while True:
            for network in networks:
                if layer := self._layers.get(network, {}).get(key):
                    yield layer
            prefix = _PREFIX.match(key)
            if prefix is None:
                return
            key = key[prefix.end() :]
            if prefix["diffusion"] and networks != TEXT_ENCODERS:
                networks = ("diffusion",)
            elif prefix["text"]:
                networks = TEXT_ENCODERS

    def reads(self, name: str) -> Layer | None:
        """The layer for which the engine takes a LoRA's tensor of this name."""
        return self._read_as.get(read_layer(name, unet=self.unet, flux=self.flux) or "")

    def list_parts(self, layer: Layer) -> list[Layer]:
        """All parts of the layer that this one is a part of, in order."""
        return self._parts.get(layer.whole, [])

    def _add_diffusion(self, layers: Mapping[str, Tensor]) -> None:
        # The second model of a pair has the same layers.
        self.unet, self.flux = self.unet or is_unet(layers), self.flux or is_flux(layers)
        for name, tensor in layers.items():
            layer = Layer("diffusion", f"{OWN_PREFIX}{name}", tensor.shape, tensor.type)
            self._add(layer, DIFFUSION + name, name)
        for name, alias in find_diffusion_aliases(layers):
            whole = self._layers["diffusion"].get(_make_key(name))
            if whole is None:
                continue
            layer = whole
            if alias.parts > 1:
                layer = _cut(whole, f"{OWN_PREFIX}{alias.name}", whole.name, alias)
            self._add(layer, DIFFUSION + alias.name, alias.name)
            if alias.name.endswith(".to_out.0"):
                # Files of before PEFT call it so; the engine knows that of U-Nets only.
                short = alias.name.removesuffix(".0")
                self._add(layer, DIFFUSION + short if self.unet else "", short)

    def _add_encoder(self, kind: Kind, layers: Mapping[str, Tensor]) -> None:
        prefix = self._place_encoder(kind)
        for own, tensor in layers.items():
            for alias in find_encoder_names(own):
                name = prefix + alias.name
                layer = Layer(kind, name, tensor.shape, tensor.type)
                if alias.parts > 1:
                    layer = _cut(layer, name, prefix + own, alias)
                self._add(layer, name, alias.name)
                if alias.name.startswith("model."):
                    self._add(layer, name, alias.name.removeprefix("model."))

    def _place_encoder(self, kind: Kind) -> str:
        """What the engine puts before the names of an encoder's layers."""
        if self.unet:
            return "cond_stage_model.1.transformer." if kind == "clip_g" else "cond_stage_model.transformer."
        return "text_encoders.llm." if kind == "llm" else f"text_encoders.{kind}.transformer."

    def _add(self, layer: Layer, read_as: str, spelling: str) -> None:
        if self.unet and separate(layer.name) != layer.name:
            return  # a name that no spelling of a LoRA comes out as
        self._layers.setdefault(layer.network, {}).setdefault(_make_key(spelling), layer)
        if read_as:
            self._read_as.setdefault(read_as, layer)
        if layer.whole and layer not in (parts := self._parts.setdefault(layer.whole, [])):
            parts.append(layer)


def _list_layers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Layer -> its weight. OpenCLIP has one whose weight is called in_proj_weight."""
    return {
        name.removesuffix("weight").rstrip("._"): tensor
        for name, tensor in tensors.items()
        if name.endswith((".weight", "in_proj_weight")) and tensor.shape
    }


def _cut(layer: Layer, name: str, whole: str, alias: Alias) -> Layer:
    """A part of a layer. Three are of one size; the fourth of a Flux has what is left."""
    outputs, inputs = layer.shape[0], layer.shape[-1]
    last = outputs - 3 * inputs if alias.at == 3 else inputs
    rows = outputs // alias.parts if alias.parts < 4 else last
    shape = (rows, *layer.shape[1:])
    return layer._replace(name=name, shape=shape, whole=whole, at=alias.at)


def _make_key(spelling: str) -> str:
    return spelling.replace(".", "_")
