"""The JSON Schema of the JSON result, made from the page model.

`make reference` writes the published file.
"""

import json

from pydantic import JsonValue

from pagemill.documents.writers.json_object import SCHEMA
from pagemill.domain.page.page import Page

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: JsonValue = {"type": "string"}
_COUNT: JsonValue = {"type": "integer", "minimum": 0}
_TIME: JsonValue = {"type": ["string", "null"], "format": "date-time"}


def result_schema() -> dict[str, JsonValue]:
    """The JSON Schema of a result, in the version that its member `schema` names."""
    page = _open(Page.model_json_schema(mode="serialization", ref_template="#/$defs/{model}"))
    definitions = _members(page, "$defs")
    return {
        "$schema": DIALECT,
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "Result of a Pagemill task",
        "type": "object",
        "properties": {
            "schema": {
                "const": SCHEMA,
                "description": "Changes when programs that read this version could misread the result.",
            },
            "document": {"$ref": "#/$defs/Document"},
            "pages": {
                "type": "array",
                "description": "By number. Pages that still wait are left out.",
                "items": {"oneOf": [{"$ref": "#/$defs/ReadPage"}, {"$ref": "#/$defs/UnreadPage"}]},
            },
        },
        "required": ["schema", "document", "pages"],
        "$defs": {"Document": _document(), "ReadPage": _read(page), "UnreadPage": _unread_schema(), **definitions},
    }


def result_schema_text() -> str:
    """The schema as a file."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False) + "\n"


def _document() -> JsonValue:
    return _object(
        "The result as a whole.",
        {
            "task_id": _TEXT,
            "name": {"type": "string", "description": "The name that its sender gave it."},
            "page_count": {"type": ["integer", "null"], "description": "Pages of the document."},
            "pages_total": {"type": "integer", "minimum": 0, "description": "Requested pages."},
            "status": {"type": ["string", "null"], "description": "Status of the task when this was written."},
            "created_at": _TIME,
            "finished_at": _TIME,
            "pagemill_version": {"type": ["string", "null"]},
        },
    )


def _read(page: dict[str, JsonValue]) -> JsonValue:
    """The page model, and the mark that distinguishes it from an unread page."""
    members: dict[str, JsonValue] = {"status": {"const": "read"}, **_members(page, "properties")}
    own = {key: value for key, value in page.items() if key != "$defs"}
    return {**own, "title": "ReadPage", "properties": members, "required": list(members)}


def _unread_schema() -> JsonValue:
    return _object(
        "A page that was not read.",
        {
            "status": {"const": "unread"},
            "number": _COUNT,
            "reason": {"type": "string", "description": "Why, as one word. Later versions may add words."},
            "message": _TEXT,
        },
    )


def _object(description: str, properties: dict[str, JsonValue]) -> JsonValue:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
    }


def _members(schema: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    members = schema[name]
    if not isinstance(members, dict):
        raise TypeError(f"{name} in the page model's schema is not an object.")
    return members


def _open(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema without the ban on more members: newer servers may add some, which programs must ignore."""
    return {key: _open_value(value) for key, value in schema.items() if key != "additionalProperties"}


def _open_value(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return _open(value)
    return [_open_value(item) for item in value] if isinstance(value, list) else value
