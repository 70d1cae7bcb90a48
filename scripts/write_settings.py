"""Writes the reference of settings from the settings themselves: `python scripts/write_settings.py`."""

import inspect
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from pagemill.settings import PREFIX, Settings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
UNITS = {"_seconds": "s", "_mb": "MiB", "_percent": "%", "_days": "days"}
LIMITS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
TYPES: Mapping[type, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
}
HEAD = """# Settings

Written by `scripts/write_settings.py` from `src/pagemill/settings.py`.

Each later source goes before those above it: defaults, the file `pagemill.yaml` (or the one that `--config` or
`PAGEMILL_CONFIG` names), environment variables, the command line. An unknown key is refused by name. `pagemill config
show` prints what is in force, `pagemill config validate` checks it, `pagemill config schema` prints a JSON Schema for
editors.

```yaml
tasks:
  max_queue_size: 200
memory:
  limit_mb: 4096
```

says the same as `PAGEMILL_TASKS__MAX_QUEUE_SIZE=200 PAGEMILL_MEMORY__LIMIT_MB=4096`. Lists and mappings in the
environment are JSON: `PAGEMILL_SERVER__API_KEYS='["a-long-secret"]'`.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_section(Settings, ""), ""])


def _section(model: type[BaseModel], path: str) -> Iterator[str]:
    plain = {
        name: field for name, field in model.model_fields.items() if not isinstance(field.get_default(), BaseModel)
    }
    if path:
        yield f"\n## `{path[:-1]}`\n\n{inspect.getdoc(model)}\n"
    yield "| setting | default | values | meaning |\n|---|---|---|---|"
    yield from (_row(path + name, field) for name, field in plain.items())
    for name, field in model.model_fields.items():
        if isinstance(default := field.get_default(), BaseModel):
            yield from _section(type(default), f"{path}{name}.")


def _row(path: str, field: FieldInfo) -> str:
    variable = PREFIX + path.replace(".", "__").upper()
    meaning = " ".join((field.description or "").split())
    unit = next((unit for suffix, unit in UNITS.items() if path.endswith(suffix)), "")
    values = ", ".join(part for part in (_type(field.annotation), *_limits(field), unit) if part)
    return f"| `{path}`<br>`{variable}` | {_default(field)} | {values} | {meaning} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value in ((), {}):
        return "empty"
    return f"`{value.value if isinstance(value, Enum) else f'{value:g}' if isinstance(value, float) else value}`"


def _type(annotation: object) -> str:
    if isinstance(annotation, type) and annotation in TYPES:
        return TYPES[annotation]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_type(part) for part in get_args(annotation) if part is not types.NoneType)
    if hasattr(annotation, "__metadata__"):
        return _type(get_args(annotation)[0])
    return "list of texts" if get_origin(annotation) is tuple else "mapping"


def _limits(field: FieldInfo) -> Iterator[str]:
    parts = [
        *field.metadata,
        *(each for part in get_args(field.annotation) for each in getattr(part, "__metadata__", ())),
    ]
    constraints = [each for part in parts for each in (part.metadata if isinstance(part, FieldInfo) else [part])]
    for constraint in constraints:
        for name, sign in LIMITS.items():
            if hasattr(constraint, name):
                yield f"{sign} {getattr(constraint, name):g}"


if __name__ == "__main__":
    PAGE.write_text(page())
