"""Examples of request bodies for the OpenAPI description, after the API document."""

from fastapi.openapi.models import Example

TXT2IMG: dict[str, Example] = {
    "sd15": {
        "summary": "SD1.5",
        "value": {
            "prompt": "a lovely cat holding a sign that says hello world",
            "negative_prompt": "blurry, low quality, bad anatomy",
            "width": 512,
            "height": 512,
            "steps": 20,
            "cfg_scale": 7.0,
            "seed": -1,
            "sampler": "euler_a",
            "scheduler": "discrete",
            "batch_count": 1,
            "clip_skip": -1,
        },
    },
    "flux": {
        "summary": "Flux: cfg_scale 1",
        "value": {
            "prompt": 'a lovely cat holding a sign says "flux.cpp"',
            "width": 1024,
            "height": 1024,
            "steps": 20,
            "cfg_scale": 1.0,
            "sampler": "euler",
        },
    },
    "z_image": {
        "summary": "Z-Image Turbo: 8 steps, smoothstep, easycache",
        "value": {
            "prompt": "A solitary woman sits on a moss-flecked tree trunk in a quiet forest clearing",
            "width": 1024,
            "height": 688,
            "steps": 8,
            "cfg_scale": 1.0,
            "sampler": "euler",
            "scheduler": "smoothstep",
            "seed": 42,
            "batch_count": 4,
            "easycache": True,
        },
    },
    "second_pass": {
        "summary": "Twice as large by a second pass, as WebP",
        "value": {
            "prompt": "a lovely cat",
            "width": 512,
            "height": 512,
            "hires": True,
            "hires_scale": 2.0,
            "hires_strength": 0.5,
            "output_format": "webp",
        },
    },
    "lora": {
        "summary": "Two LoRAs",
        "value": {
            "prompt": "a beautiful landscape <lora:add_detail:0.8> <lora:enhance_colors:0.5>",
            "width": 512,
            "height": 512,
        },
    },
    "template": {
        "summary": "Another model, a prompt from a template",
        "value": {
            "prompt": "",
            "prompt_template": "a {red|green} __animals__",
            "model": "z_image_turbo-Q8_0.gguf",
            "seed": 7,
        },
    },
    "webhook": {
        "summary": "Told to another server when it has ended",
        "value": {
            "prompt": "a lovely cat",
            "webhook_url": "https://hooks.example/pictures",
            "webhook_events": ["completed", "failed"],
            "webhook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        },
    },
}

IMG2IMG: dict[str, Example] = {
    "transform": {
        "summary": "Transform an image",
        "value": {
            "prompt": "cat with blue eyes, masterpiece",
            "init_image_base64": "<base64 of a PNG, JPEG, WebP, BMP or GIF>",
            "strength": 0.4,
            "width": 512,
            "height": 512,
            "steps": 20,
            "cfg_scale": 7.0,
        },
    }
}

TXT2VID: dict[str, Example] = {
    "wan": {
        "summary": "Wan 2.1: two seconds",
        "value": {
            "prompt": "a lovely cat walking in a garden",
            "negative_prompt": "static, blurry, low quality",
            "width": 832,
            "height": 480,
            "video_frames": 33,
            "fps": 16,
            "steps": 30,
            "cfg_scale": 6.0,
            "sampler": "euler",
            "flow_shift": 3.0,
        },
    },
    "high_noise": {
        "summary": "Wan 2.2 with its high-noise model",
        "value": {
            "prompt": "a lovely cat walking in a garden",
            "width": 832,
            "height": 480,
            "video_frames": 81,
            "steps": 10,
            "cfg_scale": 3.5,
            "high_noise_steps": 8,
            "high_noise_cfg_scale": 3.5,
        },
    },
}

LOAD: dict[str, Example] = {
    "by_name": {
        "summary": "By name: what it needs is picked from disk",
        "value": {"model_name": "flux1-dev-Q4_K_S.gguf"},
    },
    "checkpoint": {
        "summary": "One file",
        "value": {"model_name": "v1-5-pruned-emaonly.safetensors", "model_type": "checkpoint"},
    },
    "flux": {
        "summary": "Flux with its components",
        "value": {
            "model_name": "flux1-dev-Q4_K_S.gguf",
            "model_type": "diffusion",
            "vae": "ae.safetensors",
            "clip_l": "clip_l.safetensors",
            "t5xxl": "t5xxl_fp16.safetensors",
            "options": {"keep_clip_on_cpu": True, "flash_attn": True},
        },
    },
    "z_image": {
        "summary": "Z-Image Turbo",
        "value": {
            "model_name": "z_image_turbo-Q8_0.gguf",
            "model_type": "diffusion",
            "vae": "ae_q8_0.gguf",
            "llm": "qwen_3_4b.Q8_0.gguf",
            "options": {"flash_attn": True, "vae_conv_direct": True, "weight_type": "q5_0"},
        },
    },
}

LOAD_UPSCALER: dict[str, Example] = {
    "realesrgan": {
        "summary": "Real-ESRGAN",
        "value": {"model_name": "RealESRGAN_x4plus.pth", "n_threads": -1, "tile_size": 128},
    },
}

UPSCALE: dict[str, Example] = {
    "four_times": {
        "summary": "Four times the size",
        "value": {
            "image_base64": "/9j/4AAQSkZJRg...",
            "upscale_factor": 4,
            "tile_size": 128,
            "repeats": 1,
        },
    },
}

CONVERT: dict[str, Example] = {
    "q8_0": {
        "summary": "8 bits, beside the input",
        "value": {"input_path": "v1-5-pruned-emaonly.safetensors", "output_type": "q8_0"},
    },
}

ENHANCE: dict[str, Example] = {
    "plain": {"summary": "As suits the loaded model", "value": {"prompt": "a cat"}},
    "own": {
        "summary": "In your own way",
        "value": {"prompt": "a cat", "system_prompt": "Rewrite the prompt in the style of a fairy tale."},
    },
}

OLLAMA_SETTINGS: dict[str, Example] = {
    "ollama": {
        "summary": "An Ollama server",
        "value": {
            "enabled": True,
            "provider": "ollama",
            "base_url": "http://localhost:11434",
            "model": "llama3.2",
            "timeout_seconds": 60,
            "max_history": 100,
        },
    },
    "local": {
        "summary": "A chat model of the llm folder",
        "value": {"provider": "local", "model": "Qwen3-4B-Q8_0.gguf"},
    },
    "openai": {
        "summary": "A server that speaks OpenAI's protocol",
        "value": {
            "provider": "openai",
            "base_url": "http://localhost:1234/v1",
            "model": "qwen3-4b",
            "api_key": "secret",
        },
    },
}

CHAT: dict[str, Example] = {
    "plain": {"summary": "Propose", "value": {"message": "Load the SDXL model"}},
    "context": {
        "summary": "With what the user sees",
        "value": {
            "message": "Make it more colourful",
            "context": {"current_view": "create", "settings": {"prompt": "a cat", "cfg_scale": 7}},
        },
    },
    "execute": {
        "summary": "Do what is safe at once",
        "value": {"message": "Make a picture of a lighthouse", "execute": True, "stream": True},
    },
}

ASSISTANT_SETTINGS: dict[str, Example] = {
    "ollama": {
        "summary": "An Ollama server",
        "value": {
            "enabled": True,
            "provider": "ollama",
            "base_url": "http://localhost:11434",
            "model": "llama3.2",
            "timeout_seconds": 120,
            "max_history": 50,
        },
    },
    "local": OLLAMA_SETTINGS["local"],
    "openai": OLLAMA_SETTINGS["openai"],
}

_QUEUE_ITEM = {
    "job_id": "550e8400-e29b-41d4-a716-446655440000",
    "type": "txt2img",
    "status": "completed",
    "progress": {
        "step": 20,
        "total_steps": 20,
        "current_image": 0,
        "total_images": 1,
        "all_steps": 20,
        "current_all_steps": 20,
        "percentage": 100.0,
    },
    "created_at": "2024-01-01T12:00:00Z",
    "started_at": "2024-01-01T12:00:05Z",
    "completed_at": "2024-01-01T12:01:00Z",
    "timings": {
        "created_at": "2024-01-01T12:00:00.102Z",
        "started_at": "2024-01-01T12:00:05.317Z",
        "completed_at": "2024-01-01T12:01:00.824Z",
    },
    "outputs": ["550e8400-e29b-41d4-a716-446655440000/image_0.png"],
    "params": {"prompt": "a lovely cat", "width": 512, "height": 512},
    "model": "flux1-dev-Q4_K_S.gguf",
    "model_settings": {
        "model_name": "flux1-dev-Q4_K_S.gguf",
        "model_type": "diffusion",
        "vae": "ae.safetensors",
        "clip_l": "clip_l.safetensors",
        "t5xxl": "t5xxl_fp16.safetensors",
        "options": {"flash_attn": True, "offload_to_cpu": False},
    },
}
_QUEUE_PAGE = {
    "pending_count": 2,
    "processing_count": 1,
    "completed_count": 5,
    "failed_count": 0,
    "cancelled_count": 0,
    "total_count": 8,
    "items": [_QUEUE_ITEM],
    "limit": 1,
    "offset": 0,
    "page": 1,
    "has_more": True,
}
_ANCESTOR = {
    "job_id": "550e8400-e29b-41d4-a716-446655440000",
    "type": "txt2img",
    "status": "completed",
    "created_at": "2024-01-01T12:00:00Z",
    "outputs": ["550e8400-e29b-41d4-a716-446655440000/image_0.png"],
}
_BRANCH = {
    "job_id": "8a6e0804-2bd0-4672-b79d-d97027f9071a",
    "type": "txt2img",
    "status": "completed",
    "created_at": "2024-01-01T12:05:00Z",
    "parent": "550e8400-e29b-41d4-a716-446655440000",
    "from_step": 12,
    "outputs": ["8a6e0804-2bd0-4672-b79d-d97027f9071a/image_0.png"],
}
LINEAGE = {"job_id": _ANCESTOR["job_id"], "ancestors": [], "descendants": [_BRANCH]}
QUEUE_PAGES: dict[str, Example] = {
    "page": {"summary": "limit=1", "value": _QUEUE_PAGE},
    "days": {
        "summary": "limit=1, after=2024-01-01, group_by=date",
        "value": {
            **_QUEUE_PAGE,
            "groups": [{"date": "2024-01-01", "count": 1, "job_ids": [_QUEUE_ITEM["job_id"]]}],
            "matching_count": 7,
            "applied_filters": {"after": "2024-01-01T00:00:00.000Z"},
        },
    },
}
