"""The JSON schemas of options, for the OpenAPI document: `parse_options` accepts every value that fits them."""

from collections.abc import Mapping
from functools import cache

from pagemill.domain.documents import PAGE_RANGE_PATTERN
from pagemill.domain.task.task import CacheUse, TaskOptions
from pagemill.domain.task.webhooks import MAX_URL_LENGTH
from pagemill.domain.work.recognition import MOST_LANGUAGES, RecognitionOptions
from pagemill.web.options import FIELD_NAMES, LONGEST_LABEL_NAME, LONGEST_LABEL_VALUE, MOST_LABELS, NAME

_DESCRIPTIONS: Mapping[str, str] = {
    NAME: "Name of the document. Default: the name of the file.",
    "pages": 'Page range such as "1-3,7,-1", 1-based; -1 is the last page. Default: all pages.',
    "ocr": "auto: recognise the pages without usable text; force: recognise all pages; never: use text layers only.",
    "engine": "Recognition engine.",
    "profile": "The engine's trade-off between accuracy and speed.",
    "languages": "ISO 639 codes, separated by commas. Default: `auto`, which finds the script of each line.",
    "dpi": "Resolution at which PDF pages are rendered.",
    "rotation": "Degrees by which to turn every page clockwise. Default: Pagemill finds which way is up on each page.",
    "allow_lower_resolution": "true: if memory runs out, read the page at half the resolution.",
    "structure": "true: also find layout and tables: titles, figures, headers, footers, rows, columns and spans.",
    "device": '"cpu" or "cuda:N". Default: the least loaded device that fits.',
    "priority": "Higher priorities go first.",
    "start": "false: store the task and wait for POST /tasks/{task_id}/start.",
    "deadline_seconds": "The task expires this long after it was queued unless it has ended. Finished pages are kept.",
    "time_to_live_seconds": "The task and its results are deleted this long after it ended.",
    "cache": "use: reuse pages read before from the same content with the same options, and share these; "
    "refresh: read all pages and share them; off: read all pages.",
    "webhook_url": "URL to notify when the task ends, signed as Standard Webhooks define.",
    "labels": 'JSON object of strings such as {"customer": "17"}.',
}

TEXT = r"^[^\x00]*$"
_ESCAPE = r'\\["\\/bfnrt]'
_GAP = r"[ \t\n\r]*"
_LABEL = (
    rf'"([^":\\\x00-\x1f]|{_ESCAPE}){{1,{LONGEST_LABEL_NAME}}}"{_GAP}:{_GAP}'
    rf'"([^"\\\x00-\x1f]|{_ESCAPE}){{0,{LONGEST_LABEL_VALUE}}}"'
)
_LABELS = rf"\{{{_GAP}({_LABEL}({_GAP},{_GAP}{_LABEL}){{0,{MOST_LABELS - 1}}}{_GAP})?\}}"
LABELS = rf"^( *|{_GAP}{_LABELS}{_GAP})$"
"""A JSON object of strings. `parse_options` accepts other escapes than these, too."""
LANGUAGES = rf"^[^,\x00]{{0,64}}(,[^,\x00]{{0,64}}){{0,{MOST_LANGUAGES - 1}}}$"

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HEX = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    (
        f"({_HEX}:){{7}}{_HEX}",
        f"({_HEX}:){{1,7}}:",
        *(f"({_HEX}:){{1,{before}}}(:{_HEX}){{1,{7 - before}}}" for before in range(1, 7)),
        f":(:{_HEX}){{1,7}}",
    )
)
_NAMED = "([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?[.])*[A-Za-z_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?[.]?"
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
WEBHOOK_URL = rf"^( *|https?://({_NAMED}|({_OCTET}[.]){{3}}{_OCTET}|\[({_IPV6})\])(:{_PORT})?([/?#][!-~]*)?)$"


@cache
def option_schemas() -> Mapping[str, Mapping[str, object]]:
    """JSON schema of every field, for the OpenAPI document."""
    properties = {
        **TaskOptions.model_json_schema()["properties"],
        **RecognitionOptions.model_json_schema()["properties"],
        NAME: {"type": "string"},
        "languages": {"type": "string", "pattern": LANGUAGES},
        "ocr": {"type": "string", "enum": ["auto", "force", "never"], "default": "auto"},
        "cache": {"type": "string", "enum": [*CacheUse], "default": CacheUse.OFF},
        "labels": {"type": "string", "contentMediaType": "application/json", "pattern": LABELS},
        "webhook_url": {"type": "string", "maxLength": MAX_URL_LENGTH, "pattern": WEBHOOK_URL},
    }
    properties["pages"]["pattern"] = PAGE_RANGE_PATTERN
    return {
        name: {**_as_text(properties[name]), "description": _DESCRIPTIONS.get(name, "")} for name in sorted(FIELD_NAMES)
    }


def _as_text(schema: Mapping[str, object]) -> Mapping[str, object]:
    """The schema of a field of a form or a query: it may be missing, but is never null."""
    choices = schema.get("anyOf")
    given = {**schema, **choices[0]} if isinstance(choices, list) else {**schema}
    given.pop("anyOf", None)
    if given.get("default", "") is None:
        del given["default"]
    if given.get("type") == "string" and given.get("title") and "enum" not in given:
        given.setdefault("pattern", TEXT)
    return given
