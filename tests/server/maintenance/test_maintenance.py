"""Backups and checks beside a running server, and what was backed up on another one."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.config import Paths
from sdcpp_restapi.maintenance.check import check_data
from sdcpp_restapi.schemas.backups import Manifest
from tests.support.command import sdcpp
from tests.support.images import as_base64, picture
from tests.support.job_traffic import JobTraffic
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SHORT, environment

FOLDERS = ("--data-dir", "data", "--output-dir", "output", "--models-dir", "models")


def paths_below(root: Path) -> Paths:
    return Paths(models_dir=root / "models", output_dir=root / "output", data_dir=root / "data")


def back_up(server: RunningServer, folder: Path, *flags: str) -> Path:
    ended = sdcpp("backup", str(folder), *FOLDERS, *flags, folder=server.root)
    assert ended.returncode == 0, ended.stderr
    return Path(ended.stdout.strip())


def test_what_was_backed_up_while_jobs_came_and_went_runs_on_another_server(
    scripted: RunningServer, tmp_path: Path
) -> None:
    kept = scripted.make(**SHORT | {"prompt": "kept"})
    edited = scripted.make("/img2img", **SHORT | {"init_image_base64": as_base64(picture())})
    with JobTraffic(scripted) as jobs:
        backups = [back_up(scripted, tmp_path / "backups") for _ in range(2)]
    assert jobs.rounds > 0
    assert jobs.refused == []
    there = tmp_path / "there"
    for backup in backups:
        manifest = Manifest.model_validate_json((backup / "manifest.json").read_bytes())
        assert manifest.missing == []
        (there).mkdir(exist_ok=True)
        ended = sdcpp("restore", str(backup), *FOLDERS[:4], "--force", folder=there)
        assert ended.returncode == 0, ended.stderr
        assert check_data(paths_below(there)).problems == []
    with RunningServer(there, env=environment(there)) as other:
        for job in (kept, edited):
            assert other.get(f"/queue/{job['job_id']}")["outputs"] == job["outputs"]
            assert (
                other.http.get(f"/output/{job['outputs'][0]}").content
                == scripted.http.get(f"/output/{job['outputs'][0]}").content
            )
        listed = other.get("/queue", limit=1000)["items"]
        assert [job for job in listed if job["status"] in ("failed", "cancelled")] == []
        again = {"init_image_base64": f"input:{edited['job_id']}/init_image_base64"}
        other.post("/models/load", {"model_name": "scripted.safetensors"})
        other.make("/img2img", **SHORT | again)


def test_a_check_beside_a_server_on_which_jobs_come_and_go_finds_nothing(scripted: RunningServer) -> None:
    results = []
    with JobTraffic(scripted) as jobs:
        while jobs.rounds < 5:
            results.append(check_data(paths_below(scripted.root)))
    assert [(result.running, result.problems) for result in results] == [(True, [])] * len(results)


def test_what_is_wrong_is_printed_with_exit_code_1(scripted: RunningServer) -> None:
    stray = scripted.output_dir / "00000000-0000-4000-8000-000000000000"
    stray.mkdir()
    try:
        ended = sdcpp("check", *FOLDERS, folder=scripted.root)
        assert ended.returncode == 1
        assert f"ownerless outputs: {stray} belongs to no job" in ended.stdout
        assert "sdcpp check --repair` puts right what it says, once the server is stopped" in ended.stdout
        told: dict[str, Any] = json.loads(sdcpp("check", *FOLDERS, "--json", folder=scripted.root).stdout)
        assert (told["ok"], told["server_runs"], len(told["problems"])) == (False, True, 1)
    finally:
        stray.rmdir()
    ended = sdcpp("check", *FOLDERS, folder=scripted.root)
    assert (ended.returncode, ended.stdout) == (0, "All is well.\n")


@pytest.mark.parametrize("command", [("check", "--repair"), ("restore", "backups", "--force")])
def test_a_running_server_is_left_alone(scripted: RunningServer, command: tuple[str, ...]) -> None:
    back_up(scripted, scripted.root / "backups", "--no-outputs")
    folders = FOLDERS if command[0] == "check" else FOLDERS[:4]
    ended = sdcpp(*command, *folders, folder=scripted.root)
    assert ended.returncode == 1
    assert "stop" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_backup_without_data_is_refused_with_one_sentence(tmp_path: Path) -> None:
    ended = sdcpp("backup", "b", *FOLDERS, folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"sdcpp: There is no database {tmp_path}/data/sdcpp.db"


def test_a_backup_says_what_is_not_in_it_and_is_verified(scripted: RunningServer, tmp_path: Path) -> None:
    scripted.make(**SHORT)
    ended = sdcpp("backup", str(tmp_path / "b"), *FOLDERS, "--keep", "1", folder=scripted.root)
    assert "not in it: 2 model files" in ended.stderr
    shown = sdcpp("restore", str(tmp_path / "b"), "--verify", folder=tmp_path).stdout
    assert shown.startswith(f"{ended.stdout.strip()} is whole: ")
