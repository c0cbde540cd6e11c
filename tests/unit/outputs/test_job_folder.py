"""What a kill leaves in the output folder."""

from pathlib import Path

from sdcpp_restapi.outputs.job_folder import sweep_attempts


def test_unfinished_folders_and_those_of_jobs_without_outputs_are_swept(tmp_path: Path) -> None:
    for name in (".a.1.tmp", "a", "b", ".trash/a", "by-hand"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "image_0.png").touch()
    sweep_attempts(tmp_path, ["a", "gone"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".trash", "b", "by-hand"]
    assert (tmp_path / ".trash/a").exists()


def test_the_output_folder_is_made(tmp_path: Path) -> None:
    sweep_attempts(tmp_path / "output", [])
    assert (tmp_path / "output").is_dir()
