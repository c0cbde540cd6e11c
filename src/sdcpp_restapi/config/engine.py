"""Sections `engine`, `preview` and `llm`: the child processes and what they compute."""

import re
from pathlib import Path

from pydantic import Field, field_validator

from ..schemas.engine_names import Supplier
from ..schemas.keep_alive import KeepAlive
from ..schemas.models import LoadRequest
from ..schemas.pipe import WaitPolicy
from ..schemas.upscaling import UpscalerRequest
from .section import Section

# What a device is called: as the engine names it, or the CPU with a number of threads.
DEVICE = r"(?i:cpu):[1-9][0-9]{0,3}|[^\s,=:]{1,64}"


class Engine(Section):
    """The engine's child process."""

    devices: list[str] | None = Field(
        None,
        description="One engine process for each: names of the engine's devices (see sdcpp doctor), cpu,"
        " or cpu:2 for two threads; [] = none here. Default: one, and the engine chooses",
    )
    library: Path | None = Field(
        None, description="Another build of the engine's library; its ggml libraries may lie beside it"
    )
    supplier: Supplier | None = Field(
        None,
        description="The package whose library is used; default: cyllama, or inferna where that is missing",
    )
    trust_unknown: bool = Field(
        False, description="Use a library of an unknown revision that looks like a known one"
    )
    command: list[str] = Field(
        [], description="Wrapper put before the child's command line, e.g. ['nice', '-n', '5']"
    )
    load_on_start: bool = Field(True, description="Load the model of the last run again")
    default_model: LoadRequest | None = Field(
        None, description="Loaded at start when there was none in the last run: a body of POST /models/load"
    )
    default_upscaler: UpscalerRequest | None = Field(
        None,
        description="Loaded at start when there was none in the last run: a body of POST /upscaler/load",
    )
    wait: WaitPolicy = Field(
        "auto", description="How threads wait for each other: spin, sleep, or auto: a very short spin"
    )
    journal_mb: int = Field(
        1024,
        ge=0,
        description="Most megabytes of the journal by which a job that lost its engine or its server goes on"
        " where it was; 0: such jobs begin anew",
    )
    kept_journals_mb: int = Field(
        1024,
        ge=0,
        description="Most megabytes of all journals that are kept for branching (keep_journal); the oldest go"
        " first; 0: none is kept",
    )
    start_timeout: float = Field(60.0, gt=0, description="Seconds until a child must have reported")
    hang_after: float = Field(300.0, gt=0, description="Seconds without a message and without CPU time")
    max_memory_mb: int | None = Field(
        None, ge=64, description="Memory that a child may take; default: 90 % of the machine's"
    )
    memory_check: bool = Field(
        True,
        description="Compare what a model and a picture need with the main memory that is free: refuse the"
        " load, decode in tiles",
    )
    memory_reserve_mb: int = Field(
        512, ge=0, description="Main memory that models kept beside another one leave free"
    )
    models_in_memory: int = Field(
        1,
        ge=1,
        le=32,
        description="Models that each slot keeps in memory while they fit, in a process each; one computes",
    )
    unload_after: KeepAlive | None = Field(
        None,
        description="Seconds without work, or a text such as 10m, after which a model is unloaded; 0 = after"
        " each job. Default: never",
    )
    cancel_grace: float = Field(30.0, gt=0, description="Seconds that a cancelled job gets to stop")
    restart_delay: float = Field(
        1.0, ge=0, description="Seconds before a child that died at once is replaced"
    )

    @field_validator("devices")
    @classmethod
    def _well_formed(cls, devices: list[str] | None) -> list[str] | None:
        gpus: set[str] = set()
        for device in devices or ():
            name = device.partition(":")[0].lower()
            if not re.fullmatch(DEVICE, device):
                raise ValueError(f"{device!r} is not a device: a name such as CUDA0, cpu, or cpu:2")
            if name in gpus:
                raise ValueError(f"{device!r} is there twice, which only cpu may be")
            if name != "cpu":
                gpus.add(name)
        return devices

    @field_validator("default_model", "default_upscaler")
    @classmethod
    def _only_known_fields[R: LoadRequest | UpscalerRequest](cls, request: R | None) -> R | None:
        if request is not None and request.unknown_fields():
            raise ValueError(f"unknown field {', '.join(request.unknown_fields())}")
        return request


class Preview(Section):
    """Pictures of unfinished images."""

    share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Part of the sampling time that they may take on average, where PUT /preview/settings"
        " gave no interval; 0 = no bound",
    )


class Llm(Section):
    """Chat models of the llm folder, run by this server (provider `local`)."""

    threads: int = Field(0, ge=0, description="0 = half of the physical cores; the engine has the others")
    context: int = Field(8192, ge=512, description="Most tokens of a conversation with its answer")
    gpu_layers: int = Field(0, ge=-1, description="Layers put on the GPU; -1 = all. Pictures need it more")
    unload_after: float = Field(300.0, ge=0, description="Seconds without a question")
    load_timeout: float = Field(300.0, gt=0, description="Seconds until a model must have been read")
