"""Writes the reference of the HTTP API from its OpenAPI document: `python scripts/write_api.py`."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pagemill.app import Application, http_api
from pagemill.settings import Settings

Schema = Mapping[str, Any]
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "api.md"
METHODS = ("post", "get", "delete")
TITLES = {"tasks": "Tasks", "batches": "Batches of documents", "service": "The service"}
HEAD = """# HTTP API

Written by `scripts/write_api.py` from the OpenAPI document, which a running server has at `GET /openapi.json`.

- Every error is a problem detail: [errors](errors.md). Every answer bears an `X-Request-Id`.
- If the service has [keys](../how-to/keys.md), requests need `Authorization: Bearer KEY`; you see your own tasks.
- Sizes are MiB where the name ends in `_mb`, durations seconds where it ends in `_s`, times ISO 8601 in UTC.
- A client ignores members it does not know: newer servers may send more.

"""


def page() -> str:
    """The whole page, in Markdown."""
    document = _document()
    schemas = document["components"]["schemas"]
    parts = [HEAD, *_contents(document)]
    for tag, title in TITLES.items():
        parts.append(f"\n## {title}\n")
        parts += (_operation(*each) for each in _operations(document, tag))
    parts += ["\n## Forms of answers\n", *(_form(name, schemas[name]) for name in sorted(schemas))]
    return "".join(parts)


def _document() -> Schema:
    """The document of a server that is never started."""
    with tempfile.TemporaryDirectory() as folder:
        return http_api(Application(Settings(data_dir=Path(folder)))).openapi()


def _operations(document: Schema, tag: str) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in sorted(document["paths"].items()):
        for method, operation in sorted(methods.items(), key=lambda each: METHODS.index(each[0])):
            if tag in operation.get("tags", ["service"]):
                yield method.upper(), path, operation


def _contents(document: Schema) -> Iterator[str]:
    yield "| operation | what it does |\n|---|---|\n"
    for tag in TITLES:
        for method, path, operation in _operations(document, tag):
            yield f"| [`{method} {path}`](#{_anchor(method, path)}) | {operation['summary']} |\n"


def _anchor(method: str, path: str) -> str:
    kept = (letter for letter in f"{method} {path}".lower() if letter.isalnum() or letter in " _-")
    return "".join(kept).replace(" ", "-")


def _operation(method: str, path: str, operation: Schema) -> str:
    text = f"\n### `{method} {path}`\n\n{operation.get('description', operation['summary'])}\n"
    parameters = operation.get("parameters", [])
    if parameters:
        rows = "".join(map(_parameter, sorted(parameters, key=lambda each: each["in"] != "path")))
        text += f"\n| parameter | in | value | meaning |\n|---|---|---|---|\n{rows}"
    text += "".join(_body(media, each) for media, each in operation.get("requestBody", {}).get("content", {}).items())
    rows = "".join(_response(status, each) for status, each in sorted(operation["responses"].items()))
    return f"{text}\n| status | answer |\n|---|---|\n{rows}"


def _parameter(parameter: Schema) -> str:
    meaning = parameter.get("description", "") or parameter["schema"].get("description", "")
    example = f" Example: `{parameter['example']}`." if "example" in parameter else ""
    return f"| `{parameter['name']}` | {parameter['in']} | {_kind(parameter['schema'])} | {meaning}{example} |\n"


def _body(media: str, content: Schema) -> str:
    names = ", ".join(f"`{name}`" for name in content["schema"].get("properties", {}))
    return f"\nBody `{media}`: {names or _kind(content['schema'])}.\n"


def _response(status: str, response: Schema) -> str:
    forms = [
        f"`{media}`{_name_of(each)}" for media, each in response.get("content", {}).items() if "problem" not in media
    ]
    told = response["description"].rstrip(".")
    shown = told if told != "Successful Response" else ""
    return f"| {status} | {'; '.join(filter(None, [shown, ', '.join(forms)])) or 'nothing'} |\n"


def _name_of(content: Schema) -> str:
    kind = _kind(content["schema"])
    return f" {kind}" if kind.startswith("[") else ""


def _form(name: str, schema: Schema) -> str:
    told, attributes = _attributes(schema.get("description", ""))
    head = f"\n### {name}\n\n{told}\n"
    if "enum" in schema:
        return f"{head}\n{_kind(schema)}\n"
    rows = "".join(_member(each, of, attributes.get(each, "")) for each, of in schema.get("properties", {}).items())
    return f"{head}\n| member | value | meaning |\n|---|---|---|\n{rows}"


def _attributes(docstring: str) -> tuple[str, Mapping[str, str]]:
    """What a docstring says of the whole, and of each member."""
    whole, _, listed = docstring.partition("\n\nAttributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", listed, re.MULTILINE)
    return whole, {name: " ".join(text.split()) for name, text in entries}


def _member(name: str, schema: Schema, otherwise: str) -> str:
    meaning = " ".join(schema.get("description", "").split()) or otherwise
    return f"| `{name}` | {_kind(schema)} | {meaning} |\n"


def _kind(schema: Schema) -> str:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{_kind(schema['additionalProperties'])} by name"
    return str(schema.get("format") or schema.get("type", "anything"))


if __name__ == "__main__":
    PAGE.write_text(page())
