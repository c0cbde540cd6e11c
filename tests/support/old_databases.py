"""Databases as earlier releases left them: their tables, with rows written by the SQL of their time."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from sdcpp_restapi.migration import newest_version, run_migrations

# The versions of which databases are out there, and which this release brings up to date.
EARLIER = range(1, newest_version())

# As the first release wrote its requests: every field, with the defaults of that time.
FIRST_PARAMS: dict[str, Any] = {
    "prompt": "a red fox in the snow", "negative_prompt": "blurry", "width": 64, "height": 64, "steps": 2,
    "cfg_scale": 7.0, "distilled_guidance": 3.5, "eta": 0.0, "shifted_timestep": 0, "seed": 42,
    "sampler": "euler_a", "scheduler": "discrete", "batch_count": 1, "clip_skip": -1, "slg_scale": 0.0,
    "skip_layers": [7, 8, 9], "slg_start": 0.01, "slg_end": 0.2, "custom_sigmas": [], "ref_images": [],
    "auto_resize_ref_image": True, "increase_ref_index": False, "control_image_base64": None,
    "control_strength": 0.9, "vae_tiling": False, "vae_tile_size_x": 0, "vae_tile_size_y": 0,
    "vae_tile_overlap": 0.5, "easycache": False, "easycache_threshold": 0.2, "easycache_start": 0.15,
    "easycache_end": 0.95, "loras": [{"name": "ink", "weight": 0.8, "high_noise": False}],
    "use_architecture_defaults": None,
}  # fmt: skip
FIRST_MODEL: dict[str, Any] = {
    "model_name": "scripted.safetensors", "model_type": "checkpoint", "vae": None, "clip_l": None,
    "clip_g": None, "clip_vision": None, "t5xxl": None, "controlnet": None, "llm": None, "llm_vision": None,
    "taesd": None, "high_noise_diffusion_model": None, "photo_maker": None,
    "options": {
        "n_threads": -1, "keep_clip_on_cpu": True, "keep_vae_on_cpu": False, "keep_controlnet_on_cpu": False,
        "vae_conv_direct": False, "diffusion_conv_direct": False, "flash_attn": True, "offload_to_cpu": False,
        "enable_mmap": True, "vae_decode_only": True, "tae_preview_only": False,
        "free_params_immediately": False, "flow_shift": None, "weight_type": "", "tensor_type_rules": "",
        "rng_type": "cuda", "sampler_rng_type": "", "prediction": "", "lora_apply_mode": "auto",
        "vae_tiling": False, "vae_tile_size_x": 0, "vae_tile_size_y": 0, "vae_tile_overlap": 0.5,
        "chroma_use_dit_mask": True, "chroma_use_t5_mask": False, "chroma_t5_mask_pad": 1,
    },
}  # fmt: skip
_PROGRESS = {
    "step": 2, "total_steps": 2, "current_image": 0, "total_images": 1, "all_steps": 2,
    "current_all_steps": 2, "percentage": 100.0,
}  # fmt: skip
STATUSES = ("completed", "failed", "cancelled", "pending")


def id_of(number: int) -> str:
    """The id of the job with this number in every database."""
    return str(UUID(int=number))


def build_database(path: Path, version: int) -> dict[str, str]:
    """A database of this version with a job of each kind and state; id -> status of those in the queue."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        run_migrations(db, version)
        jobs = [_image_job(number, status) for number, status in enumerate(STATUSES, 1)]
        jobs += _other_jobs(len(jobs) + 1)
        for job in jobs:
            _insert(db, "jobs", job)
        _insert(db, "preferences", {"name": "preview", "value": '{"enabled": true, "mode": "proj"}'})
        if version >= 2:
            digest = {"path": "/models/a.gguf", "size": 1, "mtime_ns": 2, "sha256": "0" * 64}
            _insert(db, "model_digests", digest)
        if version >= 5:
            _put_into_trash(db, jobs)
        if version >= 9:
            db.execute("UPDATE jobs SET priority = 3, client_id = 'someone' WHERE status = 'failed'")
        if version >= 13:
            webhook = {"job_id": jobs[0]["id"], "url": "https://example.com/told", "events": '["completed"]'}
            _insert(db, "webhooks", webhook)
        rows = db.execute(f"SELECT id, status FROM jobs WHERE {'place' if version >= 5 else '?'} = 'queue'",  # noqa: S608
                          () if version >= 5 else ("queue",)).fetchall()  # fmt: skip
    return dict(rows)


def _image_job(number: int, status: str) -> dict[str, Any]:
    job_id = id_of(number)
    ended = status != "pending"
    return {
        "id": job_id, "lane": "engine", "type": "txt2img", "status": status, "attempt": int(ended),
        "created_at": f"2024-01-0{number}T10:00:00.000+00:00",
        "started_at": f"2024-01-0{number}T10:00:01.000+00:00" if ended else None,
        "completed_at": f"2024-01-0{number}T10:00:02.000+00:00" if ended else None,
        "params": json.dumps(FIRST_PARAMS), "model": json.dumps(FIRST_MODEL),
        "progress": json.dumps(_PROGRESS),
        "outputs": json.dumps([f"{job_id}/image_0.png"] if status == "completed" else []),
        "error": "the engine said no" if status == "failed" else None,
    }  # fmt: skip


def _other_jobs(first: int) -> list[dict[str, Any]]:
    """An edit of a picture; a download and the hash that waits for it; one that is to be thrown away."""
    edit = _image_job(first, "completed")
    more = {"init_image_base64": f"input:{edit['id']}/init_image_base64", "strength": 0.75}
    edit |= {"type": "img2img", "params": json.dumps(FIRST_PARAMS | more)}
    download = _image_job(first + 1, "completed") | {
        "lane": "download", "type": "model_download", "model": None, "outputs": "[]",
        "params": json.dumps({"model_type": "vae", "url": "https://example.com/ae.safetensors"}),
        "result": json.dumps({"path": "/models/vae/ae.gguf", "model_type": "vae", "name": "ae.gguf"}),
    }  # fmt: skip
    digest = _image_job(first + 2, "pending") | {
        "lane": "hash", "type": "model_hash", "model": None, "after": download["id"],
        "params": json.dumps({"model_type": "vae", "name": None}),
    }  # fmt: skip
    return [edit, download, digest, _image_job(first + 3, "completed")]


def _put_into_trash(db: sqlite3.Connection, jobs: list[dict[str, Any]]) -> None:
    db.execute(
        "UPDATE jobs SET place = 'trash', deleted_at = '2024-02-01T00:00:00.000+00:00' WHERE id = ?",
        (jobs[-1]["id"],),
    )
    db.execute("UPDATE jobs SET output_bytes = 100, input_bytes = 7 WHERE status = 'completed'")


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", row)  # noqa: S608
