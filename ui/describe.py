"""Generates the page's files about the API: the OpenAPI description, and the fields of the page's forms."""

import json
import sys
from pathlib import Path
from typing import Any

from sdcpp_restapi.app import create_app
from sdcpp_restapi.config import Settings
from sdcpp_restapi.schemas.model_types import COMPONENTS, MODEL_TYPES

# Form -> the schema of its request.
FORMS = {
    "txt2img": "Txt2ImgRequest",
    "img2img": "Img2ImgRequest",
    "txt2vid": "Txt2VidRequest",
    "upscale": "UpscaleRequest",
    "convert": "ConvertRequest",
    "load": "LoadRequest",
    "options": "LoadOptions",
    "preview": "PreviewUpdate",
    "assistant": "AssistantUpdate",
    "ollama": "OllamaUpdate",
}
KEPT = ("default", "minimum", "maximum", "exclusiveMinimum", "description", "enum", "type", "maxItems")


def described() -> dict[str, Any]:
    """The OpenAPI description, without the version, so that a release does not change generated files."""
    document = create_app(Settings()).openapi()
    document["info"]["version"] = "0"
    return document


def fields(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Form -> field -> the properties that an input needs."""
    schemas = document["components"]["schemas"]
    return {
        form: {name: _kept(field) for name, field in schemas[schema]["properties"].items()}
        for form, schema in FORMS.items()
        if schema in schemas
    }


def _kept(field: dict[str, Any]) -> dict[str, Any]:
    # Pydantic describes an optional field as a choice of its type and null; inputs need the type only.
    merged = {**next((one for one in field.get("anyOf", []) if one.get("type") != "null"), {}), **field}
    return {key: merged[key] for key in KEPT if key in merged}


def model_types() -> str:
    """A TypeScript module with the table of model types and components, in the order that the page shows."""
    types = [
        {"type": row.type, "plural": row.plural, "pathKey": row.path_key, "loadedAs": row.loaded_as}
        for row in MODEL_TYPES.values()
    ]
    components = [{"field": row.field, "types": row.types} for row in COMPONENTS.values()]
    return (
        "// The table of model types and components; written by scripts/ui-types.\n\n"
        "/** `plural`: its list in GET /models; `pathKey`: its folder in GET /models/paths. */\n"
        f"export const MODEL_TYPES = {_literal(types)} as const;\n\n"
        "/** `types`: those whose files it may be, in the order in which they are searched. */\n"
        f"export const COMPONENTS = {_literal(components)} as const;\n"
    )


def _literal(rows: list[dict[str, Any]]) -> str:
    lines = (", ".join(f"{key}: {json.dumps(value)}" for key, value in row.items()) for row in rows)
    return "[\n" + "".join(f"  {{ {line} }},\n" for line in lines) + "]"


def main(openapi: str, forms: str, types: str) -> None:
    """Write all files."""
    document = described()
    Path(openapi).write_text(json.dumps(document, sort_keys=True), "utf-8")
    text = json.dumps(fields(document), indent=1, sort_keys=True, ensure_ascii=False)
    Path(forms).write_text(text + "\n", "utf-8")
    Path(types).write_text(model_types(), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
