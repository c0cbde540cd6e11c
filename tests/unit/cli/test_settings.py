"""Settings: what their sources may look like, and how a mistake in one is told."""

import os
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from sdcpp_restapi.cli.flags import group_by_section
from sdcpp_restapi.config import Settings, read_settings
from sdcpp_restapi.errors import BadSettings


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SDCPP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            '[server]\nport = "many"\n',
            "server.port = 'many' in sdcpp.toml is not allowed: it should be a valid",
        ),
        (
            "[server]\nprot = 1\n",
            "server.prot in sdcpp.toml: there is no such setting; did you mean server.port?",
        ),
        ("[servr]\nport = 1\n", "servr in sdcpp.toml: there is no such setting; did you mean server?"),
        (
            "[server]\nxyz = 1\n",
            "there is no such setting; there are allowed_hosts, allowed_origins, api_keys",
        ),
        ("[server\n", "sdcpp.toml cannot be read as TOML: Expected ']'"),
        ('[generation.presets."SD1.5"]\nsteps = 0\n', "SD1.5.steps: Input should be greater than 0"),
        (
            '[generation.presets."SD1.5"]\nstep = 1\n',
            "generation.presets.SD1.5.step in sdcpp.toml: there is no",
        ),
        ('[server]\napi_keys = "secret"\n', "server.api_keys = this value in sdcpp.toml is not allowed"),
        ("[engine.default_model]\nmodel_nam = 'x'\n", "engine.default_model.model_name"),
        ("[engine.default_model]\nmodel_name = 'x'\nvea = 'y'\n", "unknown field vea"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(toml: str, sentence: str) -> None:
    Path("sdcpp.toml").write_text(toml)
    with pytest.raises(BadSettings) as told:
        read_settings(Path("sdcpp.toml"))
    assert sentence.replace("Input", "it") in str(told.value).replace("Input", "it")
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "SDCPP_SERVER_PORT",
            "many",
            "SDCPP_SERVER_PORT = 'many' is not allowed: it should be a valid integer",
        ),
        ("SDCPP_SERVER_TRUSTED_PROXIES", "proxy.lan", "'proxy.lan' is no address and no network"),
        ("SDCPP_SERVER_TRUSTED_PROXIES", '["10.0.0.1/8"]', "'10.0.0.1/8' is no address and no network"),
        ("SDCPP_LOGGING_LEVEL", "loud", "it should be 'debug', 'info', 'warning' or 'error'"),
        ("SDCPP_SERVER_PROT", "1", "SDCPP_SERVER_PROT: there is no such setting; did you mean server.port?"),
        ("SDCPP_PATHS_FOLDERS", "{", "SDCPP_PATHS_FOLDERS = '{' is not allowed"),
        ("SDCPP_PATHS_FOLDERS", '{"lorra": "x"}', "SDCPP_PATHS_FOLDERS.lorra"),
        ("SDCPP_SERVER", "http://x", "SDCPP_SERVER = this value is not allowed"),
        ("SDCPP_SERVER", '{"api_keys": ["secret"', "SDCPP_SERVER = this value is not allowed"),
        ("SDCPP_CLUSTER", '{"token": "secret"', "SDCPP_CLUSTER = this value is not allowed"),
        ("SDCPP_CLUSTER_PASSWORD", "secret\x07", "SDCPP_CLUSTER_PASSWORD = this value is not allowed"),
        ("SDCPP_SERVER_API_KEYS", '["secret"', "SDCPP_SERVER_API_KEYS = this value is not allowed"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadSettings) as told:
        read_settings()
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("flag", "value", "sentence"),
    [("port", 99999, "--port = 99999 is not allowed"), ("log_level", "loud", "--log-level = 'loud' is not")],
)
def test_a_mistake_in_a_flag_names_the_flag(
    monkeypatch: pytest.MonkeyPatch, flag: str, value: object, sentence: str
) -> None:
    monkeypatch.setenv("SDCPP_SERVER_PORT", "1")
    with pytest.raises(BadSettings, match=sentence):
        read_settings(None, group_by_section(**{flag: value}))


@pytest.mark.parametrize(
    ("value", "keys"),
    [("one,two", ["one", "two"]), (" one , two ,", ["one", "two"]), ('["a,b"]', ["a,b"]), ("123", ["123"])],
)
def test_lists_in_the_environment_may_be_comma_separated_or_json(
    monkeypatch: pytest.MonkeyPatch, value: str, keys: list[str]
) -> None:
    monkeypatch.setenv("SDCPP_SERVER_ALLOWED_HOSTS", value)
    assert read_settings().server.allowed_hosts == keys


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (" ", "the key is blank"),
        (" , ", "the key is blank"),
        ('[""]', "the key is blank"),
        ('["   "]', "the key is blank"),
        ("tooshort-secret", "the key has 15 characters; at least 16 are needed"),
        ("a-key-of-some-length,tooshort-secret", "key 2 of 2 has 15 characters"),
        ("secret-\u043a\u043b\u044e\u0447-of-some-length", "other characters than visible ASCII"),
        ("secret of some length", "other characters than visible ASCII"),
        ('["secret-of-some-length\\n"]', "other characters than visible ASCII"),
    ],
)
def test_a_key_that_could_be_guessed_or_not_be_sent_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str, sentence: str
) -> None:
    monkeypatch.setenv("SDCPP_SERVER_API_KEYS", value)
    with pytest.raises(BadSettings) as told:
        read_settings()
    assert str(told.value).startswith("SDCPP_SERVER_API_KEYS")
    assert sentence in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("section", "name"),
    [
        (section, name)
        for section, field in Settings.model_fields.items()
        for name, inner in field.annotation.model_fields.items()  # type: ignore[union-attr]
        if SecretStr in get_args(inner.annotation) and inner.annotation != list[SecretStr]
    ],
)
def test_a_secret_of_others_has_any_length_but_no_control_characters(
    monkeypatch: pytest.MonkeyPatch, section: str, name: str
) -> None:
    variable = f"SDCPP_{section}_{name}".upper()
    # The password of a key needs a key.
    monkeypatch.setenv("SDCPP_SERVER_TLS_CERT", "server.pem")
    for value, secret in (("x", "x"), (" ", None), ("y" * 3000, "y" * 3000)):
        monkeypatch.setenv(variable, value)
        found = getattr(getattr(read_settings(), section), name)
        assert (found and found.get_secret_value()) == secret
    for value in ("secret\n", "secret\tx", "secret\x7f"):
        monkeypatch.setenv(variable, value)
        with pytest.raises(BadSettings, match="control character") as told:
            read_settings()
        assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "origin", ["*", "app.example", "https://", "https://app.example/page", "https://*.x"]
)
def test_an_origin_that_no_browser_sends_ends_the_start(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("SDCPP_SERVER_ALLOWED_ORIGINS", origin)
    with pytest.raises(BadSettings, match="is no origin"):
        read_settings()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDCPP_SERVER_API_KEYS", "")
    monkeypatch.setenv("SDCPP_ENGINE_LIBRARY", "")
    settings = read_settings()
    assert (settings.server.api_keys, settings.engine.library) == ([], None)


def test_tables_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDCPP_PATHS_FOLDERS", '{"lora": "/mnt/loras"}')
    monkeypatch.setenv("SDCPP_GENERATION_PRESETS", '{"SD1.5": {"steps": 30}}')
    settings = read_settings()
    assert settings.paths.folder("lora") == Path("/mnt/loras")
    assert settings.generation.presets["SD1.5"].steps == 30


def test_folders_are_below_the_working_directory_unless_named(tmp_path: Path) -> None:
    paths = read_settings().paths
    assert (paths.models_dir, paths.output_dir) == (tmp_path / "models", tmp_path / "output")
