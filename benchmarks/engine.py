"""The engine alone: its session driven by hand in a process of its own, without server, queue or pipe.

It is what our share is measured against, so it has all advantages: threads that spin, and no previews.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sdcpp_restapi.engine.binding.self_check import open_library
from sdcpp_restapi.engine.child.previews import LastNotice
from sdcpp_restapi.engine.child.session import Session
from sdcpp_restapi.pipe.child_end import choose_environment
from sdcpp_restapi.schemas.engine import COMMAND, REPORT, Generate, Generated, Load
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest, ModelFiles
from sdcpp_restapi.schemas.options import BoundedPreviewSettings


@contextmanager
def engine_alone(models_dir: Path, request: LoadRequest) -> Iterator[Callable[[Txt2ImgRequest], float]]:
    """A function that makes one picture and tells how many seconds the engine's own call took."""
    folder = tempfile.mkdtemp(dir=models_dir.parent)
    files = ModelFiles(
        main=str(models_dir / "diffusion_models" / request.model_name),
        model_type=request.model_type,
        components={"t5xxl": f"{models_dir}/t5/{request.t5xxl}"},
    )
    with _start() as process:
        _ask(process, Load(id=1, files=files, options=request.options))

        def generate(params: Txt2ImgRequest) -> float:
            made = _ask(process, _command(params, request, folder))
            assert isinstance(made, Generated)
            return made.seconds

        yield generate
        assert process.stdin is not None
        process.stdin.close()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=choose_environment(os.environ, "spin"),
    )


def _command(params: Txt2ImgRequest, model: LoadRequest, folder: str) -> Generate:
    return Generate(
        id=1,
        params=params,
        prompt=params.prompt,
        negative_prompt=params.negative_prompt,
        options=model.options,
        model_name=model.model_name,
        folder=folder,
        preview=BoundedPreviewSettings(enabled=False),
    )


def _ask(process: subprocess.Popen[bytes], command: Load | Generate) -> object:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(COMMAND.dump_json(command) + b"\n")
    process.stdin.flush()
    while not (line := process.stdout.readline()).startswith(b'{"kind"'):
        if not line:
            raise RuntimeError("the engine alone ended")
    return REPORT.validate_json(line)


def main() -> None:
    """Carry out the commands on standard input, one JSON line each."""
    session = Session(
        library=open_library(None), report=lambda _report: None, last_notice=LastNotice(), debug=False
    )
    for line in sys.stdin:
        command = COMMAND.validate_json(line)
        session.begin()
        match command:
            case Load():
                print(session.load(command).model_dump_json(), flush=True)
            case Generate():
                print(session.generate(command).model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
