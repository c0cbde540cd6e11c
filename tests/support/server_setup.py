"""How the server of a test module is set up."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import environment, put
from tests.support.tiny_models import build

# One thread: several would wait for each other wherever cores are shared.
OPTIONS = {"n_threads": 1}


@dataclass(frozen=True, kw_only=True)
class ServerSetup:
    """What lies in the folders of a server, how it is started, and what is loaded before the first test.

    A module that has one in `SERVER` is given that server by the fixture `server`. What else is to lie in the
    folders goes there in a fixture `root` of the module.
    """

    # Kinds of tiny models, with the name of the file where it is to have another one.
    models: Sequence[str | tuple[str, str]] = ()
    # Files without tensors in the models folder.
    files: Sequence[str] = ()
    # A scripted engine and its models, in place of the real one.
    scripted: bool = False
    flags: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    # Kinds of tiny models, which are loaded for one thread, or whole bodies of POST /models/load.
    loads: Sequence[str | Mapping[str, Any]] = ()

    @contextmanager
    def running(self, root: Path) -> Iterator[RunningServer]:
        """The server, below `root`; at the end its log must hold no traceback."""
        for file in self.files:
            put(root, file)
        for one in self.models:
            kind, name = (one, "") if isinstance(one, str) else one
            build(kind).install(root / "models", name)
        bodies = [self._body(root, one) for one in self.loads]
        env = environment(root) if self.scripted else {}
        with RunningServer(root, *self.flags, env={**env, **self.env}) as server:
            for body in bodies:
                server.post("/models/load", body)
            yield server

    def _body(self, root: Path, load: str | Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(load, str):
            return {**build(load).install(root / "models"), "options": OPTIONS}
        return load
