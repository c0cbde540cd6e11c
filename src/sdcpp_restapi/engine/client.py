"""The server's side of one engine child process."""

import logging
from typing import Self

from ..config import Engine
from ..errors import EngineLost, EngineUnusable
from ..pipe.child_process import ChildKind, ChildProcess
from ..schemas.engine import REPORT, Hello, Report, Step

LAST_REPORTS = (
    "loaded",
    "unloaded",
    "generated",
    "video_generated",
    "upscaler_ready",
    "upscaled",
    "converted",
    "refused",
)


class EngineChild(ChildProcess[Report]):
    """One running engine child; `start` makes it."""

    kind = ChildKind(
        name="The engine process",
        module="sdcpp_restapi.engine.child",
        timeout_setting="engine.start_timeout",
        last_reports=LAST_REPORTS,
        lost_error=EngineLost,
        unusable_error=EngineUnusable,
        log=logging.getLogger("sdcpp_restapi.engine.log"),
    )
    reports = REPORT
    hello: Hello
    slowest_step = 0.0  # seconds, of all steps so far
    _last_step: tuple[Step, float] | None = None

    @classmethod
    async def start(cls, settings: Engine) -> Self:
        """Spawn a child and wait for its Hello.

        Raises EngineUnusable when the library fails its self-check, EngineLost when the child dies or reports
        nothing for `start_timeout`.
        """
        library = ["--library", str(settings.library)] if settings.library else []
        library += ["--supplier", settings.supplier] if settings.supplier else []
        library += ["--trust-unknown"] if settings.trust_unknown else []
        debug = ["--debug"] if cls.kind.log.isEnabledFor(logging.DEBUG) else []
        wait = ["--wait", settings.wait]
        child, first = await cls.spawn([*library, *debug, *wait], settings.start_timeout, settings.command)
        if not isinstance(first, Hello):
            child.kill(f"The engine process did not greet: {first.kind}")
            await child.close()
            raise EngineLost(child.reason)
        child.hello = first
        return child

    def _route(self, report: Report) -> None:
        if isinstance(report, Step):
            self._measure_step(report)
        super()._route(report)

    def _measure_step(self, step: Step) -> None:
        """Time from a step to the next one only: before the first of an image other work is done."""
        if self._last_step is not None:
            before, then = self._last_step
            if (before.id, before.image, before.step + 1) == (step.id, step.image, step.step):
                self.slowest_step = max(self.slowest_step, self.last_report_at - then)
        self._last_step = step, self.last_report_at
