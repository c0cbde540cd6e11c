"""Old names of settings are told with the new ones, and files are rewritten with their comments."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sdcpp_restapi.cli.commands import app
from sdcpp_restapi.config import Settings, read_settings, renamed
from sdcpp_restapi.config.renamed import RENAMED, RenamedSetting, find_old_names
from sdcpp_restapi.config.toml_file import rename_settings
from sdcpp_restapi.errors import BadSettings
from tests.support.old_databases import build_database

# As if these had been renamed.
WITHIN = RenamedSetting("server.listen_port", "server.port", "0.2.0")
ACROSS = RenamedSetting("server.history_days", "retention.max_age_days", "0.3.0")
FILE = """\
# My server.
[server]  # where it listens
host = "0.0.0.0"   # everybody
# Behind nginx.
listen_port = 9000 # as in its file
history_days = 30  # a month

[paths]
models_dir = '/mnt/models'
"""
REWRITTEN = """\
# My server.
[server]  # where it listens
host = "0.0.0.0"   # everybody
# Behind nginx.
port = 9000 # as in its file

[paths]
models_dir = '/mnt/models'

[retention]
max_age_days = 30  # a month
"""


@pytest.fixture
def two_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed, "RENAMED", (WITHIN, ACROSS))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sdcpp.toml"
    path.write_text(FILE)
    return path


def upgrade(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["upgrade", "--data-dir", str(tmp_path / "data"), *arguments])
    assert not isinstance(ended.exception, Exception) or isinstance(ended.exception, SystemExit)
    return ended.exit_code, ended.output


def test_a_renamed_setting_has_a_new_name_that_exists_and_an_old_one_that_does_not() -> None:
    known = {
        f"{section}.{name}"
        for section, field in Settings.model_fields.items()
        for name in field.annotation.model_fields  # type: ignore[union-attr]
    }
    assert {setting.new for setting in RENAMED} <= known
    assert not {setting.old for setting in RENAMED} & known


@pytest.mark.usefixtures("two_renamed")
def test_an_old_name_in_a_file_or_variable_is_refused_with_the_new_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDCPP_SERVER_HISTORY_DAYS", "3")
    with pytest.raises(BadSettings) as refused:
        read_settings(file)
    assert "server.listen_port is called server.port since 0.2.0" in str(refused.value)
    assert "SDCPP_SERVER_HISTORY_DAYS is called SDCPP_RETENTION_MAX_AGE_DAYS since 0.3.0" in str(
        refused.value
    )
    assert "sdcpp upgrade" in str(refused.value)


def test_a_file_keeps_its_comments_and_order() -> None:
    assert rename_settings(FILE, (WITHIN, ACROSS)) == REWRITTEN


@pytest.mark.parametrize(
    "text",
    [
        "server.listen_port = 1\nserver.host = 'x'\n",
        "server = { listen_port = 1, host = 'x' }\n",
        "[server]\nlisten_port = 1\n",
        "[retention]\ntrash_days = 1\n[server]\nlisten_port = 1\nhistory_days = 2",
        "[server]\n'listen_port' = 1\n\n[cluster]\nurls = [\n  'a', # one\n]\n",
    ],
)
def test_every_spelling_of_a_file_is_rewritten_or_refused_but_never_changed_otherwise(text: str) -> None:
    old = tomllib.loads(text)
    settings = [one.setting for one in find_old_names(old, (), (WITHIN, ACROSS))]
    new = tomllib.loads(rename_settings(text, settings))
    assert new["server"].get("port", 1) == 1
    assert "listen_port" not in new.get("server", {})
    assert {name: value for name, value in old.items() if name not in ("server", "retention")} == {
        name: value for name, value in new.items() if name not in ("server", "retention")
    }


def test_a_file_that_has_both_names_is_refused() -> None:
    with pytest.raises(BadSettings, match="both there"):
        rename_settings("[server]\nport = 1\nlisten_port = 2\n", [WITHIN])


@pytest.mark.usefixtures("two_renamed")
def test_an_upgrade_tells_what_to_change_and_writes_it_when_asked(tmp_path: Path, file: Path) -> None:
    code, said = upgrade(tmp_path, "--config", str(file))
    assert code == 1
    assert "server.listen_port is called server.port since 0.2.0" in said
    assert "--write" in said
    assert file.read_text() == FILE
    code, said = upgrade(tmp_path, "--config", str(file), "--write")
    assert (code, file.read_text()) == (0, REWRITTEN)
    assert file.with_name("sdcpp.toml.bak").read_text() == FILE
    assert upgrade(tmp_path, "--config", str(file))[0] == 0


@pytest.mark.usefixtures("two_renamed")
def test_a_variable_is_told_and_left_to_who_sets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDCPP_SERVER_LISTEN_PORT", "1")
    code, said = upgrade(tmp_path, "--write")
    assert code == 1
    assert "SDCPP_SERVER_LISTEN_PORT is called SDCPP_SERVER_PORT since 0.2.0" in said


def test_an_upgrade_tells_what_becomes_of_the_database(tmp_path: Path) -> None:
    code, said = upgrade(tmp_path)
    assert (code, "there is none yet" in said) == (0, True)
    (tmp_path / "data").mkdir()
    build_database(tmp_path / "data" / "sdcpp.db", 12)
    code, said = upgrade(tmp_path)
    assert code == 0
    assert "of version 12" in said
    assert "sdcpp.v12.db" in said


def test_other_mistakes_in_a_file_are_told_too(tmp_path: Path, file: Path) -> None:
    file.write_text("[server]\nprot = 1\n")
    code, said = upgrade(tmp_path, "--config", str(file))
    assert code == 1
    assert "did you mean server.port?" in said
