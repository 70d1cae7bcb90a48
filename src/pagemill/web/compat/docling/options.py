"""Options of docling-serve, from a form or from JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pagemill.domain.documents import OcrMode
from pagemill.web.compat.pages import check_pages
from pagemill.web.receiving import refused_field

FORMATS: Mapping[str, str] = {"md": "markdown", "text": "text", "html": "html", "json": "json"}
"""Our formats by docling's names, in the order of the answer; its JSON is not ours."""
_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_LAST = 999_999_999

Value = str | int | float | bool | None


@dataclass(frozen=True)
class ConvertOptions:
    """What a request asks for.

    Attributes:
        formats: The formats of the answer, by docling's names.
        pages: Our page range.
        ocr: When to recognise.
        languages: As the client names them.
        structure: Whether to look for layout and tables.
        page_break: What to write between two pages of Markdown.
        name: The document's name; "" if the request names none.
        ignored: Options without effect.
    """

    formats: tuple[str, ...] = ("md",)
    pages: str = ""
    ocr: OcrMode = OcrMode.AUTO
    languages: tuple[str, ...] = ()
    structure: bool = True
    page_break: str = ""
    name: str = ""
    ignored: tuple[str, ...] = field(default=())


def form_options(fields: Mapping[str, Sequence[str]]) -> ConvertOptions:
    """The options in a form.

    Raises:
        RequestRefused: `invalid_request`.
    """
    return _read(fields)


def source_options(body: Mapping[str, object]) -> ConvertOptions:
    """The options in the JSON body of a request with a source.

    Raises:
        RequestRefused: `invalid_request`.
    """
    sources = body.get("sources", body.get("file_sources"))
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise refused_field("sources", 'send one source: {"kind": "file", "base64_string": …, "filename": …}')
    source = sources[0]
    if source.get("kind", "file") != "file":
        raise refused_field(
            "sources", "this service fetches no documents; send the document itself, as base64_string of a file source"
        )
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise refused_field("options", "not an object")
    target = body.get("target")
    kind = target.get("kind", "inbody") if isinstance(target, dict) else "inbody"
    given = {name: _values(value) for name, value in options.items()} | {"target_type": [str(kind)]}
    name = source.get("filename")
    return _read(given, name=name if isinstance(name, str) else "")


def _values(value: object) -> Sequence[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values if each is not None]


def _read(fields: Mapping[str, Sequence[str]], *, name: str = "") -> ConvertOptions:
    given = _Given(fields)
    _refuse_impossible(given)
    ocr = OcrMode.FORCE if given.switch("force_ocr", default=False) else OcrMode.AUTO
    if not given.switch("do_ocr", default=True):
        ocr = OcrMode.NEVER
    given.take("target_type", "from_formats", "abort_on_error")
    if given.one("image_export_mode") == "placeholder":
        given.take("image_export_mode")
    return ConvertOptions(
        formats=_formats(given),
        pages=_pages(given),
        ocr=ocr,
        languages=tuple(given.many("ocr_lang")),
        structure=given.switch("do_table_structure", default=True),
        page_break=given.one("md_page_break_placeholder"),
        name=name,
        ignored=given.find_ignored(),
    )


def _refuse_impossible(given: "_Given") -> None:
    if given.switch("do_chunking", default=False):
        raise refused_field("do_chunking", "this service makes no chunks; leave it out, and split the Markdown")
    if given.one("target_type") not in ("", "inbody") or given.switch("return_as_file", default=False):
        raise refused_field("target", 'the answer is JSON; use "inbody"')


def _formats(given: "_Given") -> tuple[str, ...]:
    asked = given.many("to_formats") or ["md"]
    if unknown := [name for name in asked if name not in FORMATS]:
        raise refused_field("to_formats", f"no format {unknown[0]!r} here; available: {', '.join(FORMATS)}")
    return tuple(name for name in FORMATS if name in asked)


def _pages(given: "_Given") -> str:
    ends = given.many("page_range")
    if not ends:
        return ""
    if len(ends) != 2 or not all(end.isdecimal() and int(end) > 0 for end in ends):
        raise refused_field("page_range", "write two page numbers, the first and the last")
    first, last = map(int, ends)
    return check_pages(f"{first}-" if last > _LAST else f"{first}-{last}", field="page_range")


class _Given:
    """The fields of a request; knows which of them were used."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = {name: [text.strip() for text in texts if text.strip()] for name, texts in fields.items()}
        self._used: set[str] = set()

    def many(self, name: str) -> list[str]:
        """All values of a field; lists may also be one text with commas or brackets."""
        self.take(name)
        return [
            part.strip(" '\"")
            for text in self._fields.get(name, ())
            for part in text.strip("[]").split(",")
            if part.strip(" '\"")
        ]

    def one(self, name: str) -> str:
        """The last value of a field; "" without one. It counts as used only where it has an effect: see `take`."""
        if name != "image_export_mode":
            self.take(name)
        return next(iter(self._fields.get(name, [])[::-1]), "")

    def switch(self, name: str, *, default: bool) -> bool:
        """A field that is true or false."""
        text = self.one(name).lower()
        if text and text not in _WORDS:
            raise refused_field(name, "not a boolean; use true or false")
        return _WORDS.get(text, default)

    def take(self, *names: str) -> None:
        """Count fields as used."""
        self._used.update(names)

    def find_ignored(self) -> tuple[str, ...]:
        """Fields that have no effect."""
        return tuple(sorted(name for name, texts in self._fields.items() if texts and name not in self._used))


def ignored_languages(languages: Iterable[str]) -> tuple[str, ...]:
    """How to name languages without effect."""
    return tuple(f"ocr_lang={language}" for language in languages)
