"""What is read again for a job or at a start was somebody's to change meanwhile."""

from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.models.file_check import FileCheck
from sdcpp_restapi.models.header_cache import HeaderCache
from tests.support import stub_models
from tests.support.raw_safetensors import in_type, write_raw


async def test_scaled_fp8_under_the_name_of_a_good_file_is_not_given_to_the_engine(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "sdcpp.db")
    check = FileCheck(await HeaderCache.read(database))
    model = stub_models.write(tmp_path / "model.safetensors", stub_models.flux())
    encoder = stub_models.write(tmp_path / "t5.safetensors", stub_models.t5())
    files = {"model_name": model, "t5xxl": encoder}
    await check.check_for_load(files)
    scaled = {**in_type(stub_models.t5(), "F8_E4M3"), "scaled_fp8": ("F32", [1])}
    write_raw(encoder, scaled)
    with pytest.raises(BadRequest, match=r"^t5xxl: 't5.safetensors' is scaled FP8") as caught:
        await check.check_for_load(files)
    assert caught.value.field == "t5xxl"
    await check.check(files)  # a conversion applies the scales
    await database.close()
