"""`python -m benchmarks [--quick]`: measures everything in one run, beside the least a server can do."""

import argparse
import tempfile
from pathlib import Path

from sdcpp_restapi.schemas.models import LoadRequest
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

from . import answers, browser, client, fleet, library, memory, pictures, prompts, queue, sockets, work
from .burst import burst
from .engine import engine_alone
from .floor import running_floor
from .housekeeping import housekeeping
from .pages import FEW, HEALTH, MANY, MODELS, QUEUE, QUEUE_PAGE, compare, targets
from .plan import FULL, QUICK, Plan
from .report import Report
from .startup import startup
from .stores import add_jobs, add_models, add_outputs

# Deleting and restoring move folders: what is in them does not matter.
OUTPUT_BYTES = 1000


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter measurements, noisier figures")
    parser.add_argument("--only", choices=list(PARTS), help="one part of it")
    given = parser.parse_args()
    plan, report = QUICK if given.quick else FULL, Report()
    for name in [given.only] if given.only else PARTS:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            PARTS[name](Path(folder), plan, report)
    report.show()
    print(f"Load client: {client.NAME}. Written to {report.save()}")


def measure(folder: Path, plan: Plan, report: Report) -> None:
    """Requests, jobs and events; the server's folders are below `folder`."""
    report.add(startup(folder, plan.starts), sockets.bus(plan.events * 10))
    model = prepare(folder, plan)
    stored = add_outputs(folder / "data", folder / "output", OUTPUT_BYTES)
    server = RunningServer(folder)
    try:
        with running_floor() as floor:
            run = Run(report, server, floor, plan)
            run.jobs(model)
            run.polling()
            report.add(*housekeeping(server, stored))
            run.crowds()
    finally:
        server.kill()
    report.add(*targets(report))


PARTS = {
    "library": library.measure,
    "answers": answers.measure,
    "server": measure,
    "fleet": fleet.measure,
    "queue": queue.measure,
    "page": browser.measure,
    "pictures": pictures.measure,
    "prompts": prompts.measure,
}


def prepare(folder: Path, plan: Plan) -> LoadRequest:
    """The folders of a server that has been in use for a long time."""
    add_models(folder / "models", 0, FEW)
    add_jobs(folder / "data", plan.stored_jobs)
    return LoadRequest.model_validate(build("minit2i").install(folder / "models"))


class Run:
    """What is measured on one server, in this order."""

    def __init__(self, report: Report, server: RunningServer, floor: str, plan: Plan) -> None:
        self.report, self.server, self.floor, self.plan = report, server, floor, plan

    def jobs(self, model: LoadRequest) -> None:
        """Jobs one at a time, and what they leave in memory."""
        self.report.add(*memory.memory(self.server, "idle"))
        work.load_model(self.server, model)
        self.report.add(*memory.memory(self.server, "model loaded"))
        with engine_alone(self.server.models_dir, model) as engine:
            self.report.add(*work.overhead(self.server, engine, self.plan.jobs))
            self.report.add(*work.back_to_back(self.server, engine, max(3, self.plan.jobs // work.IN_A_ROW)))

    def polling(self) -> None:
        """The pages, with an engine that has nothing to do and with one that takes all cores."""
        self._pages("idle", FEW, MODELS)
        with work.busy_engine(self.server):
            self._pages("busy", FEW, MODELS)
        add_models(self.server.models_dir, FEW, MANY)
        self.server.post("/models/refresh")
        self._pages("idle", MANY, HEALTH, MODELS, QUEUE_PAGE, QUEUE)
        with work.busy_engine(self.server):
            self._pages("busy", MANY, HEALTH, MODELS, QUEUE_PAGE, QUEUE)
        self.report.add(*memory.memory(self.server, "after this load"))

    def crowds(self) -> None:
        """Many clients at once; their jobs are made in between, and stay undone at the end."""
        self.report.add(*burst(self.server.port, "idle"))
        work.wait_until_idle(self.server)
        self.report.add(*memory.memory(self.server, "after 200 jobs"))
        with work.busy_engine(self.server):
            self.report.add(*work.post_while_busy(self.server, self.plan.posts))
            self.report.add(*burst(self.server.port, "busy"))
            self.report.add(*sockets.websockets(self.server, self.plan.events))

    def _pages(self, engine: str, files: int, *paths: str) -> None:
        for path in paths:
            compare(self.report, self.server.url, path, self.floor, self.plan.seconds, engine, files)


if __name__ == "__main__":
    main()
