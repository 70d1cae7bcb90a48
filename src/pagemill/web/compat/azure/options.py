"""Options of an analysis, from its URL and body."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pagemill.domain.task.task import Task
from pagemill.web.compat.pages import check_pages
from pagemill.web.receiving import refused_field

LATEST_VERSION = "2024-11-30"
CODE_POINTS = "unicodeCodePoint"
UTF16 = "utf16CodeUnit"
INDEX_LABEL = "azure_index"
IGNORED_LABEL = "azure_ignored"
_VERSION = re.compile(r"[0-9A-Za-z.-]{1,32}")
_KNOWN = frozenset({"api-version", "pages", "locale", "stringIndexType", "outputContentFormat", "output"})


@dataclass(frozen=True)
class AnalyzeOptions:
    """What a request asks for.

    Attributes:
        pages: Our page range.
        languages: As the client names them.
        index: How to count characters.
        ignored: Options without effect.
    """

    pages: str = ""
    languages: tuple[str, ...] = ()
    index: str = CODE_POINTS
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class JsonBodyWish:
    """A JSON body names no document."""

    name: str = ""


def query_options(given: Mapping[str, str]) -> AnalyzeOptions:
    """The options in a URL.

    Raises:
        RequestRefused: `invalid_request`.
    """
    if given.get("outputContentFormat", "text").lower() != "text":
        raise refused_field("outputContentFormat", "prebuilt-read gives text; leave it out, or use text")
    ignored = [name for name in given if name not in _KNOWN]
    ignored += [f"output={each}" for each in _parts(given.get("output", "")) if each.lower() != "pdf"]
    index = given.get("stringIndexType", CODE_POINTS)
    is_utf16 = index.lower() == UTF16.lower()
    if not is_utf16 and index != CODE_POINTS:
        ignored.append(f"stringIndexType={index}")
    locale = given.get("locale", "").partition("-")[0].lower()
    return AnalyzeOptions(
        pages=check_pages(given.get("pages", ""), field="pages"),
        languages=(locale,) if locale else (),
        index=UTF16 if is_utf16 else CODE_POINTS,
        ignored=tuple(ignored),
    )


def understand_body(body: Mapping[str, object]) -> JsonBodyWish:
    """Refuse a body with an address instead of a document.

    Raises:
        RequestRefused: `invalid_request`.
    """
    if body.get("urlSource"):
        raise refused_field("urlSource", "this service fetches no documents; send the document itself as base64Source")
    return JsonBodyWish()


def api_version(given: Mapping[str, str]) -> str:
    """The version that a request names, or the latest."""
    version = given.get("api-version", "")
    return version if _VERSION.fullmatch(version) else LATEST_VERSION


def count_by(task: Task) -> str:
    """How the client of a task counts characters."""
    return UTF16 if task.options.labels.get(INDEX_LABEL) == UTF16 else CODE_POINTS


def _parts(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
