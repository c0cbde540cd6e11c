"""Keys of language models: in a file for the server's user only, and not in the database."""

import stat
from pathlib import Path

from sdcpp_restapi.db import Database
from sdcpp_restapi.llm.key_file import KeyFile
from sdcpp_restapi.llm.settings import ProviderPreference, _Stored
from sdcpp_restapi.preferences import Preferences
from sdcpp_restapi.schemas.ollama import OllamaSettings, OllamaUpdate

KEY = "a-key-that-someone-issued"


async def read(folder: Path, database: Database) -> ProviderPreference[OllamaSettings]:
    keys = KeyFile(folder / "keys.json")
    return await ProviderPreference.read(Preferences(database), keys, "ollama", OllamaSettings())


def assert_kept_apart(folder: Path) -> None:
    assert KEY in (folder / "keys.json").read_text()
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600
    assert KEY.encode() not in (folder / "sdcpp.db").read_bytes()


async def test_a_key_survives_in_a_file_of_its_own(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "sdcpp.db")
    await (await read(tmp_path, database)).update(OllamaUpdate(api_key=KEY))
    await database.close()
    assert_kept_apart(tmp_path)
    database = await Database.open(tmp_path / "sdcpp.db")
    again = await read(tmp_path, database)
    assert again.current.api_key is not None
    assert again.current.api_key.get_secret_value() == KEY
    await again.update(OllamaUpdate(model="x"))
    assert (await read(tmp_path, database)).current.api_key == again.current.api_key
    await again.update(OllamaUpdate(api_key=""))
    assert (await read(tmp_path, database)).current.api_key is None
    assert KEY not in (tmp_path / "keys.json").read_text()
    await database.close()


async def test_a_key_that_an_earlier_release_kept_in_the_database_moves_out(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "sdcpp.db")
    await Preferences(database).set("ollama", _Stored(settings={"model": "mine"}, api_key=KEY))
    found = await read(tmp_path, database)
    assert found.current.model == "mine"
    assert found.current.api_key is not None
    assert found.current.api_key.get_secret_value() == KEY
    await database.close()
    assert_kept_apart(tmp_path)


def test_a_file_that_cannot_be_understood_holds_no_keys(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("[broken")
    keys = KeyFile(tmp_path / "keys.json")
    assert keys.read("ollama") == ""
    keys.write("ollama", KEY)
    assert keys.read("ollama") == KEY
