"""Bodies of the web UI's API, with its defaults; what a client sends besides is kept aside and told."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ...schemas.base import Fraction, Integer, Number, Request


def _read_seed(value: object) -> object:
    """Front ends send an empty field where they mean a random seed."""
    return -1 if value == "" else value


AnySeed = Annotated[int, Field(ge=-1, le=2**63 - 1), BeforeValidator(_read_seed)]


class LoraItem(Request):
    """A LoRA beside the prompt, as the server of stable-diffusion.cpp takes it."""

    path: str = Field(min_length=1)
    multiplier: Number = 1.0
    is_high_noise: bool = False


class DrawRequest(Request):
    """What txt2img and img2img have in common."""

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] = []
    seed: AnySeed = -1
    subseed: AnySeed = -1
    subseed_strength: Number = 0.0
    seed_resize_from_h: Integer = -1
    seed_resize_from_w: Integer = -1
    sampler_name: str | None = None
    sampler_index: str = "Euler"
    scheduler: str | None = None
    batch_size: Integer = Field(1, ge=1)
    n_iter: Integer = Field(1, ge=1)
    steps: Integer = Field(50, ge=1)
    cfg_scale: Number = 7.0
    distilled_cfg_scale: Number = 3.5
    width: Integer = Field(512, ge=1)
    height: Integer = Field(512, ge=1)
    restore_faces: bool = False
    tiling: bool = False
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    eta: Number | None = Field(None, ge=0.0, le=100.0)
    clip_skip: Integer = Field(-1, ge=-1, le=100)
    s_min_uncond: Number = 0.0
    s_churn: Number = 0.0
    s_tmax: Number = 0.0
    s_tmin: Number = 0.0
    s_noise: Number = 1.0
    refiner_checkpoint: str = ""
    refiner_switch_at: Number = 0.0
    disable_extra_networks: bool = False
    comments: dict[str, Any] = {}
    override_settings: dict[str, Any] = {}
    override_settings_restore_afterwards: bool = True
    script_name: str = ""
    script_args: list[Any] = []
    alwayson_scripts: dict[str, Any] = {}
    send_images: bool = True
    save_images: bool = False
    force_task_id: str | None = Field(None, max_length=200)
    infotext: str = ""
    lora: list[LoraItem] = Field([], max_length=64)
    extra_images: list[str] = Field([], max_length=16)


class Txt2Img(DrawRequest):
    """POST /txt2img."""

    enable_hr: bool = False
    denoising_strength: Fraction | None = None
    firstphase_width: Integer = 0
    firstphase_height: Integer = 0
    hr_scale: Number = Field(2.0, gt=0.0, le=16.0)
    hr_upscaler: str | None = None
    hr_second_pass_steps: Integer = Field(0, ge=0)
    hr_resize_x: Integer = Field(0, ge=0)
    hr_resize_y: Integer = Field(0, ge=0)
    hr_checkpoint_name: str = ""
    hr_sampler_name: str = ""
    hr_scheduler: str = ""
    hr_prompt: str = ""
    hr_negative_prompt: str = ""


class Img2Img(DrawRequest):
    """POST /img2img."""

    init_images: list[str] = Field(min_length=1, max_length=1)
    resize_mode: Literal[0, 1, 2, 3] = Field(
        0, description="0 = stretch, 1 = crop, 2 = fill the rest; 3 = stretch, in latents"
    )
    denoising_strength: Fraction = 0.75
    image_cfg_scale: Number = Field(-1.0, ge=-1.0, le=1000.0)
    mask: str | None = None
    mask_blur: Integer = Field(4, ge=0, le=256)
    mask_blur_x: Integer = Field(4, ge=0, le=256)
    mask_blur_y: Integer = Field(4, ge=0, le=256)
    mask_round: bool = True
    inpainting_fill: Literal[0, 1, 2, 3] = Field(
        0, description="0 = colours from around, 1 = the picture, 2 = noise, 3 = nothing"
    )
    inpaint_full_res: bool = Field(True, description="Only what is masked is drawn, at the full size")
    inpaint_full_res_padding: Integer = Field(0, ge=0, le=4096, description="Pixels around the mask")
    inpainting_mask_invert: bool = False
    initial_noise_multiplier: Number = 1.0
    include_init_images: bool = False

    @property
    def blur(self) -> tuple[int, int]:
        """Across and down, in pixels; `mask_blur` means both."""
        given = self.model_fields_set
        if "mask_blur" in given or not given & {"mask_blur_x", "mask_blur_y"}:
            return self.mask_blur, self.mask_blur
        return self.mask_blur_x, self.mask_blur_y


class ExtrasRequest(Request):
    """What both requests to enlarge pictures have in common."""

    resize_mode: Literal[0, 1] = Field(0, description="0 = by upscaling_resize, 1 = to a width and a height")
    show_extras_results: bool = True
    gfpgan_visibility: Fraction = 0.0
    codeformer_visibility: Fraction = 0.0
    codeformer_weight: Fraction = 0.0
    upscaling_resize: Number = Field(2.0, gt=0.0, le=16.0)
    upscaling_resize_w: Integer = Field(512, ge=1, le=65_500)
    upscaling_resize_h: Integer = Field(512, ge=1, le=65_500)
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: Fraction = 0.0
    upscale_first: bool = False


class ExtrasSingle(ExtrasRequest):
    """POST /extra-single-image."""

    image: str = Field(min_length=1)


class NamedPicture(Request):
    """One of several pictures."""

    data: str = Field(min_length=1)
    name: str = ""


class ExtrasBatch(ExtrasRequest):
    """POST /extra-batch-images."""

    imageList: list[NamedPicture] = Field(min_length=1, max_length=64)


class PngInfoRequest(Request):
    """POST /png-info."""

    image: str = Field(min_length=1)


class ControlUnit(Request):
    """One unit of the ControlNet extension, in the spellings of its versions."""

    enabled: bool = True
    image: str | dict[str, Any] | None = None
    mask: str | None = None
    model: str = "None"
    module: str = "none"
    weight: Number = Field(1.0, ge=0.0, le=2.0)
    resize_mode: str | int = 0
    low_vram: bool = False
    processor_res: Number = -1
    threshold_a: Number = -1
    threshold_b: Number = -1
    guidance_start: Fraction = 0.0
    guidance_end: Fraction = 1.0
    control_mode: str | int = 0
    pixel_perfect: bool = False
    hr_option: str = "Both"
    save_detected_map: bool = True

    @model_validator(mode="before")
    @classmethod
    def _read_other_spellings(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        spellings = {"input_image": "image", "lowvram": "low_vram", "guidance": "guidance_end"}
        return {spellings.get(name, name): value for name, value in data.items()}

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.guidance_start > self.guidance_end:
            raise ValueError(
                f"guidance_start: {self.guidance_start} is not allowed;"
                f" it must not be above guidance_end, {self.guidance_end}"
            )
        return self


class DetectRequest(Request):
    """POST /controlnet/detect."""

    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field([], max_length=64)
    controlnet_images: list[str] = Field([], max_length=64, description="As older clients call them")
