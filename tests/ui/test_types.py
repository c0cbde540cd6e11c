"""What the page knows of the API is what the server says of itself today."""

import hashlib
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
KNOWN = ROOT / "ui/src/api"


def test_the_types_and_fields_of_the_page_are_current(tmp_path: Path) -> None:
    write = runpy.run_path(str(ROOT / "ui/describe.py"))["main"]
    write(tmp_path / "openapi.json", tmp_path / "fields.json", tmp_path / "modelTypes.ts")
    digest = hashlib.sha256((tmp_path / "openapi.json").read_bytes()).hexdigest()
    due = "run scripts/ui-types"
    assert digest in (KNOWN / "schema.d.ts").read_text("utf-8").partition("\n")[0], due
    for name in ("fields.json", "modelTypes.ts"):
        assert (tmp_path / name).read_text("utf-8") == (KNOWN / name).read_text("utf-8"), due
