"""The published JSON Schema is current, and what the JSON writer writes keeps to it."""

import json
from pathlib import Path

import pytest
from pydantic import JsonValue

from pagemill.documents.writers import ResultWriters
from pagemill.documents.writers.json_schema import result_schema, result_schema_text
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, Line, Page, PageSource, Polygon, Word
from pagemill.domain.task.results import ResultHeader

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "result.schema.json"
BOX: Polygon = ((0, 0), (10.5, 0), (10.5, 5), (0, 5))
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
UNDERSTOOD = {
    "$schema",
    "$id",
    "$defs",
    "$ref",
    "title",
    "description",
    "default",
    "format",
    "type",
    "const",
    "enum",
    "anyOf",
    "oneOf",
    "properties",
    "required",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
}


def fits(value: JsonValue, schema: JsonValue, root: JsonValue) -> bool:
    """Whether a value keeps to a schema of the few keywords that ours is made of."""
    assert isinstance(schema, dict)
    assert isinstance(root, dict)
    assert set(schema) <= UNDERSTOOD
    if "$ref" in schema:
        definitions, name = root["$defs"], str(schema["$ref"]).removeprefix("#/$defs/")
        assert isinstance(definitions, dict)
        return fits(value, definitions[name], root)
    kinds = schema.get("type", list(TYPES))
    allowed = [kinds] if isinstance(kinds, str) else kinds
    assert isinstance(allowed, list)
    return (
        any(isinstance(value, TYPES[str(kind)]) for kind in allowed)
        and value == schema.get("const", value)
        and value in _list(schema, "enum", [value])
        and ("anyOf" not in schema or any(fits(value, each, root) for each in _list(schema, "anyOf", [])))
        and ("oneOf" not in schema or sum(fits(value, each, root) for each in _list(schema, "oneOf", [])) == 1)
        and _in_range(value, schema)
        and _members_fit(value, schema, root)
        and _items_fit(value, schema, root)
    )


def _list(schema: dict[str, JsonValue], name: str, otherwise: list[JsonValue]) -> list[JsonValue]:
    found = schema.get(name, otherwise)
    assert isinstance(found, list)
    return found


def _in_range(value: JsonValue, schema: dict[str, JsonValue]) -> bool:
    if not isinstance(value, int | float):
        return True
    lowest, highest = schema.get("minimum", value), schema.get("maximum", value)
    assert isinstance(lowest, int | float)
    assert isinstance(highest, int | float)
    return lowest <= value <= highest


def _members_fit(value: JsonValue, schema: dict[str, JsonValue], root: JsonValue) -> bool:
    if not isinstance(value, dict):
        return True
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    return set(map(str, _list(schema, "required", []))) <= set(value) and all(
        fits(member, properties[name], root) for name, member in value.items() if name in properties
    )


def _items_fit(value: JsonValue, schema: dict[str, JsonValue], root: JsonValue) -> bool:
    if not isinstance(value, list):
        return True
    fewest, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    assert isinstance(fewest, int)
    assert isinstance(most, int)
    first = _list(schema, "prefixItems", [])
    rest = schema.get("items", {})
    return fewest <= len(value) <= most and all(
        fits(item, first[at] if at < len(first) else rest, root) for at, item in enumerate(value)
    )


def write_result() -> JsonValue:
    """A result with a page and an unread page."""
    words = (Word(text="a", polygon=BOX, confidence=0.5), Word(text="b", polygon=BOX))
    block = Block(polygon=BOX, lines=(Line(text="a b", polygon=BOX, words=words),))
    page = Page(number=1, width_px=10, height_px=20, dpi=None, source=PageSource.OCR, blocks=(block,))
    writer = ResultWriters()["json"]
    header = ResultHeader(task_id="01TASK", document="a.pdf", pages_total=2)
    parts = [writer.begin(header), writer.page(page), writer.mark_unread(2, TaskFailureReason.TIMEOUT, "Too slow.")]
    result: JsonValue = json.loads(b"".join([*parts, writer.end()]))
    return result


def replace_at(whole: JsonValue, path: tuple[str | int, ...], value: JsonValue) -> JsonValue:
    """A copy in which `value` stands at the path."""
    if not path:
        return value
    step, *rest = path
    if isinstance(whole, dict):
        return {name: replace_at(part, tuple(rest), value) if name == step else part for name, part in whole.items()}
    assert isinstance(whole, list)
    return [replace_at(part, tuple(rest), value) if at == step else part for at, part in enumerate(whole)]


def test_the_published_schema_is_current() -> None:
    assert PUBLISHED.read_text() == result_schema_text()


def test_a_result_keeps_to_the_schema_and_names_it() -> None:
    schema, result = result_schema(), write_result()
    assert fits(result, schema, schema)
    assert isinstance(result, dict)
    assert schema["$id"] == "urn:" + str(result["schema"]).replace("/", ":")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "pagemill/result/0"),
        (("document", "name"), None),
        (("pages", 0, "number"), 0),
        (("pages", 0, "status"), "unread"),
        (("pages", 1, "message"), 3),
        (("pages", 0, "blocks", 0, "lines", 0, "words", 0, "confidence"), 1.5),
        (("pages", 0, "blocks", 0, "lines", 0, "words", 1, "polygon", 0), [1, 2, 3]),
        (("pages", 0, "blocks", 0, "kind"), "poem"),
    ],
)
def test_what_is_no_result_does_not_fit(path: tuple[str | int, ...], value: JsonValue) -> None:
    result = replace_at(write_result(), path, value)
    schema = result_schema()
    assert not fits(result, schema, schema)


def test_a_newer_server_may_add_members() -> None:
    result = write_result()
    assert isinstance(result, dict)
    result["added"] = 1
    schema = result_schema()
    assert fits(result, schema, schema)
