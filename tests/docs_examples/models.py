"""Tiny models under the names of the API document's examples, with the components that it gives them.

The tiny models of other tests decode with a TAESD where the document names a VAE, so that two files are made
here: an SD1.5 checkpoint with its VAE inside, and the VAE of Flux and Z-Image.
"""

from pathlib import Path

from sdcpp_restapi.demo.weights import Array, random_tensors, write_once, write_safetensors
from tests.tiny import build
from tests.tiny.files import CACHE, Shapes, shapes
from tests.tiny.gguf_file import write_gguf

# AutoencoderKL: SD1's latents have 4 channels, those of Flux 16, as mean and variance where they are encoded.
_LATENT = {4: 16, 8: 32}


def _vae() -> Shapes:
    """With a decoder of a quarter of the width; the engine fixes the encoder's."""
    return {
        name: [n // 4 if n % 128 == 0 and name.startswith("decoder.") else n for n in shape]
        for name, shape in shapes("sd1_vae").items()
    }


def _ae() -> dict[str, Array]:
    sixteen = {
        name: [_LATENT.get(n, n) for n in shape] for name, shape in _vae().items() if "quant_conv" not in name
    }
    return random_tensors(sixteen, seed=21)


def _sd15(path: Path) -> None:
    unet = random_tensors(shapes("sd1_unet", "model.diffusion_model."), seed=4)
    vae = {f"first_stage_model.{name}": array for name, array in random_tensors(_vae(), seed=11).items()}
    write_gguf(path, unet | vae, shapes("clip_l", "cond_stage_model.transformer."), seed=3)


def install(models_dir: Path) -> None:
    """SD1.5, Flux dev and schnell, Z-Image and the LoRAs, by the names of the document."""
    flux = {"clip_l": "clip_l.safetensors", "t5xxl": "t5xxl_fp16.safetensors"}
    build("flux_dev").install(models_dir, "flux1-dev-Q4_K_S.gguf", flux)
    build("flux_schnell").install(models_dir, "flux1-schnell-Q8_0.gguf", {"t5xxl": flux["t5xxl"]})
    build("zimage").install(models_dir, "z_image_turbo-Q8_0.gguf", {"llm": "qwen_3_4b.Q8_0.gguf"})
    build("lora_flux").install(models_dir, "realism_lora.safetensors")
    build("lora_flux").install(models_dir, "zimage_amberrayne_v1.safetensors")
    build("lora_sd1").install(models_dir, "add_detail.safetensors")
    build("lora_sd1").install(models_dir, "enhance_colors.safetensors")
    ae = write_safetensors(CACHE / "documented_ae.safetensors", _ae)
    sd15 = write_once(CACHE / "documented_sd15.gguf", _sd15)
    for name, file in {
        "vae/ae.safetensors": ae,
        "vae/ae_q8_0.gguf": ae,
        "checkpoints/v1-5-pruned-emaonly.safetensors": sd15,
    }.items():
        (models_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (models_dir / name).symlink_to(file)
