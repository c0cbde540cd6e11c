"""The Dockerfile and the compose file: what they say, and their steps without Docker.

No image is built here: the steps of the first stage run in a folder of their own, and the services of the
compose file as plain processes.
"""

import http.server
import importlib.util
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx
import pytest

from sdcpp_restapi.cli.engine.builds import BUILDS, CUDA_RUNTIME
from sdcpp_restapi.config import Paths
from sdcpp_restapi.demo.model import copy_demo_model
from tests.packaging.dockerfile import Stage, read_compose, read_stages
from tests.packaging.source_copy import ROOT, clean_environment, copy_sources
from tests.support.broker import NATS_SERVER, free_port

HEALTHCHECK = ROOT / "docker/healthcheck.py"


# ---------------------------------------------------------------- what they say


def test_the_image_runs_as_nobody_in_particular_and_ends_in_order() -> None:
    final = read_stages()[-1]
    assert final.all("USER") == ["10001"]
    assert final.all("STOPSIGNAL") == ["SIGTERM"]
    assert (final.command("ENTRYPOINT"), final.command("CMD")) == (["tini", "--", "sdcpp"], ["serve"])
    # Nothing that needs root comes after the user is another.
    names = [name for name, _ in final.instructions]
    assert "RUN" not in names[names.index("USER") :]


def test_the_folders_of_the_image_are_those_of_its_settings() -> None:
    final = read_stages()[-1]
    folders = {value for name, value in final.environment().items() if name.startswith("SDCPP_PATHS_")}
    assert {f'"{folder}"' for folder in folders} == set(final.all("VOLUME")[0].strip("[]").split(", "))


def test_every_build_of_the_engine_that_the_image_can_have_is_pinned() -> None:
    names = {build.lock.name for build in BUILDS} | {CUDA_RUNTIME.name}
    assert {"vulkan.txt", "cuda12.txt", "cuda12-runtime.txt"} <= names
    assert "locks/$ENGINE.txt" in " ".join(read_stages()[0].all("RUN"))


def test_all_that_is_copied_is_sent_to_the_builder_and_is_there() -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for stage in read_stages()
        for words in stage.all("COPY")
        if "--from" not in words
        for source in words.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(fnmatch(source.removeprefix("./"), f"{one}*") for one in sent), source


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_has_nothing_to_say() -> None:
    ended = subprocess.run(["hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout + ended.stderr == ""


@pytest.mark.skipif(shutil.which("check-jsonschema") is None, reason="check-jsonschema is not installed")
def test_the_compose_file_has_the_shape_of_the_specification() -> None:
    command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_secret_of_the_compose_file_has_an_example() -> None:
    compose = read_compose()
    for name, secret in compose["secrets"].items():
        assert secret["file"] == f"docker/secrets/{name}"
        assert (ROOT / "docker/secrets.example" / name).is_file()
    used = {name for service in compose["services"].values() for name in service["secrets"]}
    assert used == set(compose["secrets"])


# ---------------------------------------------------------------- whether a server is healthy


@contextmanager
def answering(statuses: dict[str, int]) -> Iterator[str]:
    """A server that answers these paths with these statuses, and others with 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.get(self.path, 404))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ({"/health/live": 200}, 0),
        ({"/health": 200}, 0),
        ({"/health": 401}, 0),
        ({"/health/live": 503, "/health": 200}, 1),
        ({"/health": 500}, 1),
        ({}, 1),
    ],
)
def test_a_server_is_healthy_that_answers(
    statuses: dict[str, int], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(statuses) as url:
        monkeypatch.setattr(sys, "argv", ["healthcheck.py", url])
        assert load_healthcheck().main() == code


def test_a_server_that_does_not_listen_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["healthcheck.py"])
    monkeypatch.setenv("SDCPP_SERVER_PORT", str(free_port()))
    assert load_healthcheck().main() == 1


def load_healthcheck() -> Any:
    spec = importlib.util.spec_from_file_location("healthcheck", HEALTHCHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- their steps


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage leaves in /opt/sdcpp, for CPUs."""
    return run_stage(read_stages()[0], tmp_path_factory.mktemp("image"), "cpu")


def run_stage(stage: Stage, place: Path, engine: str) -> Path:
    """Run a stage's steps with `place` for the root of the image; its /opt/sdcpp."""
    sources, image = copy_sources(place / "clone"), place / "source"
    shutil.rmtree(sources / "src/sdcpp_restapi/ui/static", ignore_errors=True)  # as .dockerignore has it
    image.mkdir()
    (place / "bin").mkdir()
    (place / "bin/python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    environment = clean_environment(place) | {"ENGINE": engine, "PATH": f"{place}/bin:/usr/bin:/bin"}
    for name, words in stage.instructions:
        if name == "COPY":
            *found, target = words.split()
            for source in found:
                copy_into(sources / source, image / target, target)
        elif name == "RUN":
            step = words.replace("/opt/sdcpp", f"{place}/opt/sdcpp")
            ended = subprocess.run(
                ["sh", "-ec", step],
                cwd=image,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=900,
            )
            assert ended.returncode == 0, ended.stdout
    return place / "opt/sdcpp"


def copy_into(source: Path, target: Path, written: str) -> None:
    """COPY: a folder's content, or a file into a folder."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target / source.name if written.endswith("/") else target)


@contextmanager
def started(command: Sequence[str | Path], folder: Path, **variables: str) -> Iterator[None]:
    """A service; it must end with exit code 0 when it is told to."""
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=clean_environment(folder) | variables, stdout=log, stderr=log
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0, (folder / "log").read_text()
        finally:
            process.kill()
            process.wait(10)


def wait_until(check: Sequence[str | Path], folder: Path, **variables: str) -> None:
    """Repeat a health check, as Docker does."""
    until = time.monotonic() + 60
    while subprocess.run(
        check, cwd=folder, env=clean_environment(folder) | variables, capture_output=True
    ).returncode:
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.2)


def settings_of_image(folder: Path) -> dict[str, str]:
    """What ENV sets, with folders and ports that are free here."""
    settings = {
        name: f"{folder}{value}" if value.startswith("/") else value
        for name, value in read_stages()[-1].environment().items()
        if name.startswith("SDCPP_")
    }
    for name in ("data", "models", "output"):
        (folder / name).mkdir(exist_ok=True)
    return settings | {"SDCPP_SERVER_PORT": str(free_port()), "SDCPP_SERVER_WS_PORT": str(free_port())}


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_what_the_build_leaves_serves_is_healthy_and_ends(prefix: Path, tmp_path: Path) -> None:
    settings = settings_of_image(tmp_path)
    final = read_stages()[-1]
    command: list[str | Path] = [prefix / "bin/sdcpp", *final.command("CMD")]
    with started(command, tmp_path, **settings):
        wait_until([prefix / "bin/python", HEALTHCHECK], tmp_path, **settings)
        page = httpx.get(f"http://127.0.0.1:{settings['SDCPP_SERVER_PORT']}/ui/")
        assert '<div id="app"' in page.text


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_the_services_of_the_compose_file_draw_a_picture_together(prefix: Path, tmp_path: Path) -> None:
    compose = read_compose()
    services, secrets = compose["services"], tmp_path / "secrets"
    shutil.copytree(ROOT / "docker/secrets.example", secrets)
    broker = f"127.0.0.1:{free_port()}"

    def command(name: str, folder: Path) -> list[str]:
        words = [word.replace("nats://broker:4222", f"nats://{broker}") for word in services[name]["command"]]
        words = [word.replace("/run/secrets", str(secrets)) for word in words]
        return [word.replace("/data", str(folder)) if word == "/data" else word for word in words]

    def variables(name: str) -> dict[str, str]:
        given = {key: str(value) for key, value in services[name].get("environment", {}).items()}
        return {key: value.replace("/run/secrets", str(secrets)) for key, value in given.items()}

    folders = {name: tmp_path / name for name in ("broker", "server", "worker-1", "worker-2")}
    for folder in folders.values():
        folder.mkdir()
    settings = {name: settings_of_image(folder) for name, folder in folders.items()}
    for name in ("server", "worker-1", "worker-2"):
        settings[name]["SDCPP_PATHS_MODELS_DIR"] = str(tmp_path / "models")
    copy_demo_model(Paths(models_dir=tmp_path / "models").model_folders())
    host, port = broker.split(":")
    monitor = free_port()
    words = [str(monitor) if word == "8222" else word for word in command("broker", folders["broker"])]
    program: list[str | Path] = [NATS_SERVER, *words, "-a", host, "-p", port]
    sdcpp = prefix / "bin/sdcpp"
    with started(program, folders["broker"]):
        wait_for_answer(f"http://127.0.0.1:{monitor}/healthz")
        server = settings["server"] | variables("server")
        with started([sdcpp, *command("server", folders["server"])], folders["server"], **server):
            wait_until([prefix / "bin/python", HEALTHCHECK], folders["server"], **server)
            workers = [
                started(
                    [sdcpp, *command("worker", folders[name])],
                    folders[name],
                    **(settings[name] | variables("worker") | {"SDCPP_CLUSTER_NAME": name}),
                )
                for name in ("worker-1", "worker-2")
            ]
            assert services["worker"]["deploy"]["replicas"] == len(workers)
            with workers[0], workers[1]:
                draw(f"http://127.0.0.1:{server['SDCPP_SERVER_PORT']}")


def wait_for_answer(url: str) -> None:
    """Repeat a request until it is answered with success."""
    until = time.monotonic() + 30
    while True:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            assert time.monotonic() < until
        time.sleep(0.1)


def draw(url: str) -> None:
    """One picture by a worker, with the key of the example."""
    headers = {"X-API-Key": "replace-this-key-too"}
    with httpx.Client(base_url=url, headers=headers, timeout=120) as http:
        until = time.monotonic() + 60
        while len([one for one in http.get("/workers").json()["workers"] if one["state"] == "ready"]) < 2:
            assert time.monotonic() < until, http.get("/workers").text
            time.sleep(0.2)
        assert httpx.get(f"{url}/queue").status_code == 401
        loaded = http.post("/models/load", json={"model_name": "demo-emoji.gguf"})
        assert loaded.status_code == 200, loaded.text
        job = http.post("/txt2img", json={"prompt": "a lovely cat", "steps": 2}, params={"wait": 60}).json()
        assert job["status"] == "completed", job
        assert job["outputs"]
