"""Sections `downloads`, `webhooks`, `cluster` and `compat`: other machines and other programs."""

import os
from pathlib import Path

from pydantic import Field

from ..schemas.secrets import HeaderSecret, IssuedSecret
from .section import Section

HUGGING_FACE = "https://huggingface.co"


class Downloads(Section):
    """Getting models from other servers."""

    parallel: int = Field(2, ge=1, le=16, description="Downloads at the same time")
    allow_private: bool = Field(False, description="Also from this machine and from private networks")
    civitai_token: HeaderSecret = Field(None, description="Sent to civitai_url only")
    huggingface_token: HeaderSecret = Field(None, description="Sent to huggingface_url only")
    civitai_url: str = Field("https://civitai.com", pattern="^https?://[^/@?#]+/?$")
    huggingface_url: str = Field(
        default_factory=lambda: os.environ.get("HF_ENDPOINT") or HUGGING_FACE,
        pattern="^https?://[^/@?#]+/?$",
        description="By default what HF_ENDPOINT says, as for Hugging Face's own library",
    )
    sets_urls: list[str] = Field([], description="Addresses of sets of models, for sdcpp sets update")
    timeout: float = Field(30.0, gt=0, description="Seconds to connect, and seconds without a byte")
    retries: int = Field(5, ge=0, description="Tries in a row without a new byte before it fails")
    retry_delay: float = Field(1.0, gt=0, description="Seconds before the first of them; each waits longer")


class Webhooks(Section):
    """Telling other servers what becomes of jobs, where requests ask for it."""

    enabled: bool = Field(True, description="false: requests with webhook_url are refused")
    allow_private: bool = Field(False, description="Also to this machine and to private networks")
    attempts: int = Field(8, ge=1, le=20, description="Until a message is given up")
    retry_delay: float = Field(5.0, gt=0, description="Seconds before the second; each waits 4 times longer")
    timeout: float = Field(10.0, gt=0, description="Seconds until the other server must have answered")


class Cluster(Section):
    """Other machines: a broker (NATS with JetStream), and the workers that it leads to."""

    urls: list[str] = Field([], description="The broker: nats://host:4222, or tls://; empty = no cluster")
    prefix: str = Field(
        "sdcpp", pattern="^[A-Za-z0-9_-]{1,32}$", description="Begins the names of all subjects and streams"
    )
    user: str | None = None
    password: IssuedSecret = None
    token: IssuedSecret = None
    credentials: Path | None = Field(None, description="A .creds file")
    tls_ca: Path | None = Field(None, description="Certificates to trust besides the system's")
    tls_cert: Path | None = Field(None, description="Our own certificate, where the broker asks for one")
    tls_key: Path | None = Field(None, description="Its key")
    replicas: int = Field(1, ge=1, le=5, description="Copies that a cluster of brokers keeps of everything")
    name: str | None = Field(
        None, pattern="^[A-Za-z0-9_-]{1,64}$", description="What a worker is called; default: its host's name"
    )
    announce_every: float = Field(2.0, gt=0, description="Seconds between two signs of life of a worker")
    lost_after: float = Field(15.0, gt=0, description="Seconds without one until its jobs go elsewhere")
    forget_after: float = Field(3600.0, gt=0, description="Seconds until a lost worker is listed no more")
    load_timeout: float = Field(3600.0, gt=0, description="Seconds that a worker gets to load a model")


class Compat(Section):
    """Interfaces of other programs (docs/clients.md)."""

    openai: bool = Field(True, description="OpenAI's, at /v1")
    a1111: bool = Field(True, description="That of AUTOMATIC1111's web UI, at /sdapi/v1")
    ollama: bool = Field(True, description="Ollama's for image models, at /api")
    comfyui: bool = Field(True, description="The part of ComfyUI's that plugins use, at /comfyui")
    mcp: bool = Field(True, description="Tools for language models (Model Context Protocol), at /mcp")
