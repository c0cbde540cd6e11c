"""How stable-diffusion.cpp 487de75 behaves where its header says nothing: measured, or read off its source.

Nothing is imported here. Rooms that must not import this one rest on more of it, and are to be checked again
with another revision:

- jobs are refused or warned about for what ends the engine or has no effect: schemas/generation.py
  (custom_sigmas), schemas/caching.py, schemas/type_rules.py, models/lora_check.py, models/architectures.json
- slots/engine_slot.py loads a model afresh for other merged LoRAs: rounding errors stay in the weights, and
  the VAE is freed between two images (docs/decisions/0006-loras-at-run-time.md)
- models/lora_names (engine_reading.py, aliases.py) repeats how it reads the names of LoRAs and of layers
  (`convert_tensor_name`); in lora_check.py the first tensor type rule that matches counts, as there
- models/recognition.py and networks.json repeat the engine's detection of architectures (`get_sd_version`)
"""

# Bytes of working memory per pixel while an image is decoded, read off the log: 1664 MiB for 512x512 by the
# VAE of SD1, 480 MiB by a TAESD. Sampling takes less where flash_attn is on, and is over by then.
VAE_BYTES_PER_PIXEL = 6656
TAESD_BYTES_PER_PIXEL = 1920
# The same for a video, whose frames are decoded together: 717 MiB for 9 frames of 128x128 by the VAE of Wan,
# 760 MiB for 17.
VIDEO_VAE_BYTES_PER_PIXEL = 42_900
VIDEO_VAE_BYTES_PER_PIXEL_AND_FRAME = 336
# Side of a VAE tile where none is given, in latent pixels; and image pixels to the side of a latent one.
DEFAULT_TILE_SIDE = 32
PIXELS_PER_LATENT = 8

# Bytes of the header of a job's journal, before its records.
JOURNAL_HEADER = 256

# Models that are given an image beside the latents, as the log names them; editors take the init image as a
# reference. With hires, the image given to either stays at the size of the first pass, and the engine aborts.
EDITORS = ("Instruct-Pix2Pix", "SDXL Instruct-Pix2Pix")
INPAINTERS = ("SD 1.x Inpaint", "SD 2.x Inpaint", "SDXL Inpaint", "Flux Fill", "Flux Control", "Flex.2")


def compute_hires_steps(asked: int, strength: float) -> int:
    """Steps of the second pass for hires.steps and hires.denoising_strength.

    The schedule is made longer than what is asked for, and cut by the strength.
    """
    scheduled = int(asked / strength)
    return min(int(scheduled * strength), scheduled - 1) + 1
