"""A real worker in a process of its own."""

from pathlib import Path

import psutil

from tests.support.logged_process import LoggedProcess


class Worker(LoggedProcess):
    """`sdcpp worker`, with folders below `root`."""

    def __init__(
        self,
        broker_url: str,
        root: Path,
        name: str,
        *flags: str,
        models: str = "models",
        env: dict[str, str] | None = None,
    ) -> None:
        super().__init__(root, env)
        self.name = name
        self.broker_url = broker_url
        self.flags = flags
        self.models = models
        self.start()

    def start(self) -> None:
        """Start it (again); `log` holds the lines of this start only."""
        folders = ("--models-dir", self.models, "--data-dir", f"worker-{self.name}")
        self.launch("worker", "--nats", self.broker_url, "--name", self.name, *folders, *self.flags)

    def pause(self) -> None:
        """It stops answering, and so does its engine, as if the network were cut."""
        for process in self._family():
            process.suspend()

    def go_on(self) -> None:
        """After `pause`."""
        for process in self._family():
            process.resume()

    def engine(self) -> psutil.Process:
        """Its engine's process."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def _family(self) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]
