"""A task's options as callers send them: flat text fields, in a form or in a query, with the domain's names."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from pagemill.domain.documents import check_page_range
from pagemill.domain.errors import InvalidPageRange, InvalidRequest
from pagemill.domain.task.task import TaskOptions
from pagemill.domain.task.webhooks import check_url
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.web.problems import (
    LONGEST_FIELD_NAME,
    MOST_FIELD_PROBLEMS,
    FieldProblem,
    RequestRefused,
    field_problems,
)

NAME = "name"
MOST_LABELS = 32
LONGEST_LABEL_NAME = 64
LONGEST_LABEL_VALUE = 255
LONGEST_LABELS = 2 * MOST_LABELS * 6 * (LONGEST_LABEL_NAME + LONGEST_LABEL_VALUE)
"""Most characters of the JSON: twice the largest allowed labels, with every character written as an escape."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_RECOGNITION = frozenset(RecognitionOptions.model_fields)
_TASK = frozenset(TaskOptions.model_fields) - {"recognition"}
_SWITCHES = frozenset(
    name
    for model in (RecognitionOptions, TaskOptions)
    for name, field in model.model_fields.items()
    if field.annotation is bool
)
FIELD_NAMES = _RECOGNITION | _TASK | {NAME}
"""Every field of a request except the document itself."""


def refuse_unknown(names: Iterable[str]) -> None:
    """Refuse unknown fields, by name.

    Raises:
        RequestRefused: `invalid_request`.
    """
    unknown = sorted(set(names) - FIELD_NAMES)[:MOST_FIELD_PROBLEMS]
    if unknown:
        known = ", ".join(sorted(FIELD_NAMES))
        problems = [FieldProblem(field=name[:LONGEST_FIELD_NAME], message="unknown field") for name in unknown]
        problems[-1].message += f"; known fields: {known}"
        raise RequestRefused.for_fields(problems)


def parse_options(fields: Mapping[str, str]) -> TaskOptions:
    """Turn text fields into options; an empty field counts as missing, because web forms send it.

    Raises:
        InvalidPageRange: `pages` is not a page range.
        RequestRefused: `invalid_request`, with every wrong field.
    """
    given = {name: text.strip(" ") for name, text in fields.items() if text.strip(" ") and name != NAME}
    _refuse_unstorable(given)
    for name in _SWITCHES & given.keys():
        if given[name] not in ("true", "false"):
            raise _refuse_field(name, "not a boolean; use true or false")
    values: dict[str, object] = dict(given)
    if "languages" in given:
        values["languages"] = [code.strip() for code in given["languages"].split(",") if code.strip()]
    if "labels" in given:
        values["labels"] = _labels(given["labels"])
    recognition = {name: values.pop(name) for name in _RECOGNITION & values.keys()}
    try:
        check_page_range(given.get("pages", ""))
        if "webhook_url" in given:
            check_url(given["webhook_url"])
        return TaskOptions.model_validate({**values, "recognition": recognition})
    except InvalidPageRange:
        raise
    except InvalidRequest as error:
        raise _refuse_field("webhook_url", error.message) from error
    except ValidationError as error:
        errors = [{**each, "loc": _flatten_location(each["loc"])} for each in error.errors()]
        raise RequestRefused.for_fields(field_problems(errors)) from error


def _flatten_location(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return location[1:] if location[0] == "recognition" else location


def _labels(text: str) -> dict[str, str]:
    if len(text) > LONGEST_LABELS:
        raise _refuse_field("labels", f"too long ({len(text)} characters); the limit is {LONGEST_LABELS}")
    try:
        labels = json.loads(text)
    except ValueError as error:
        raise _refuse_field("labels", f"not valid JSON ({error})") from error
    except RecursionError:
        raise _refuse_field("labels", "nested too deeply; use strings as values") from None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise _refuse_field("labels", 'use a JSON object of strings such as {"customer": "17"}')
    _refuse_unstorable({"labels": "".join([*labels, *labels.values()])})
    _check_labels(labels)
    return labels


def _check_labels(labels: Mapping[str, str]) -> None:
    """Refuse long labels, and names that would not work in the form `name:value` that queries use."""
    if len(labels) > MOST_LABELS:
        raise _refuse_field("labels", f"too many labels ({len(labels)}); the limit is {MOST_LABELS}")
    for name, value in labels.items():
        if not 0 < len(name) <= LONGEST_LABEL_NAME or ":" in name or len(value) > LONGEST_LABEL_VALUE:
            message = (
                f"use 1 to {LONGEST_LABEL_NAME} characters and no colon for a name, "
                f"and at most {LONGEST_LABEL_VALUE} for a value; see {name[:LONGEST_LABEL_NAME]!r}"
            )
            raise _refuse_field("labels", message)


LABEL = f"^[^:\\x00]{{1,{LONGEST_LABEL_NAME}}}:[^\\x00]{{0,{LONGEST_LABEL_VALUE}}}$"
"""The form of a label in a query."""
_LABEL = re.compile(LABEL)


def label_filter(labels: Sequence[str]) -> dict[str, str]:
    """Parse the labels of a query, each `name:value`.

    Raises:
        RequestRefused: `invalid_request`.
    """
    _refuse_unstorable({"query.label": "".join(labels)})
    if not all(map(_LABEL.fullmatch, labels)):
        message = (
            f"write it as name:value; the name has 1 to {LONGEST_LABEL_NAME} characters, "
            f"the value at most {LONGEST_LABEL_VALUE}"
        )
        raise _refuse_field("query.label", message)
    pairs = [label.partition(":") for label in labels]
    return {name: value for name, _, value in pairs}


def _refuse_unstorable(fields: Mapping[str, str]) -> None:
    """Refuse a NUL or half a surrogate pair, which no database stores in a text."""
    for name, text in fields.items():
        if _UNSTORABLE.search(text):
            raise _refuse_field(name, "it contains an invalid character (NUL or half a surrogate pair); remove it")


def _refuse_field(field: str, message: str) -> RequestRefused:
    return RequestRefused.for_fields([FieldProblem(field=field, message=message)])
