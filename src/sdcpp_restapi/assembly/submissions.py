"""What turns requests into jobs, and tells what would become of one."""

from dataclasses import dataclass

from ..config import Settings
from ..jobs.submit.branching import Branching
from ..jobs.submit.conversion import ConversionSubmission
from ..jobs.submit.generation import GenerationSubmission
from ..jobs.submit.planner import Planner
from ..jobs.submit.upscale import UpscaleSubmission
from ..jobs.submit.wildcard_files import Wildcards
from ..jobs.webhooks.rules import WebhookRules
from ..models.planned_files import PlannedFiles
from ..slots.model_selection import ModelSelection
from .base import Base
from .models import Models
from .slots import Slots


@dataclass(frozen=True)
class Submissions:
    """One for each kind of job; downloads have their own (downloads.py)."""

    generations: GenerationSubmission
    upscales: UpscaleSubmission
    conversions: ConversionSubmission
    planner: Planner


def open_submissions(
    settings: Settings, base: Base, models: Models, slots: Slots, webhook_rules: WebhookRules
) -> Submissions:
    """Nothing is read or stored yet."""
    generations = _open_generations(settings, base, models, slots)
    upscales = UpscaleSubmission(
        queue=base.queue,
        inputs=base.inputs,
        upscaler=slots.upscaler,
        library=models.library,
        limits=settings.limits,
    )
    conversions = ConversionSubmission(queue=base.queue, paths=models.paths, library=models.library)
    planner = Planner(
        generations=generations,
        upscales=upscales,
        inputs=base.inputs,
        store=base.store,
        files=PlannedFiles(models.library),
        webhook_rules=webhook_rules,
        room=slots.find_room,
    )
    return Submissions(generations, upscales, conversions, planner)


def _open_generations(settings: Settings, base: Base, models: Models, slots: Slots) -> GenerationSubmission:
    selection = ModelSelection(
        current=slots.model,
        library=models.library,
        past_loads=models.past_loads,
        presets=settings.generation.presets,
    )
    return GenerationSubmission(
        queue=base.queue,
        inputs=base.inputs,
        models=selection,
        engine=slots.engine,
        upscaler=slots.upscaler,
        wildcards=Wildcards(settings.paths.wildcards_folder()),
        branching=Branching(base.store, slots.journals),
        library=models.library,
        paths=models.paths,
        limits=settings.limits,
        generation=settings.generation,
    )
