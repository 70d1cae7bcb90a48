"""Tika's request headers."""

from collections.abc import Mapping
from urllib.parse import unquote

from fastapi import Request
from python_multipart.multipart import parse_options_header

from pagemill.domain.documents import OcrMode

PREFIX = "x-tika-"
_LANGUAGE = f"{PREFIX}ocrlanguage"
_SKIP = f"{PREFIX}ocrskipocr"
_STRATEGY = f"{PREFIX}pdfocrstrategy"
_STRATEGIES: Mapping[str, OcrMode] = {
    "no_ocr": OcrMode.NEVER,
    "ocr_only": OcrMode.FORCE,
    "auto": OcrMode.AUTO,
    "ocr_and_text_extraction": OcrMode.AUTO,
    "ocr_and_text": OcrMode.AUTO,
}


def file_name(request: Request) -> str:
    """The name in `Content-Disposition`; "" without one."""
    _, parameters = parse_options_header(request.headers.get("content-disposition", ""))
    return unquote(parameters.get(b"filename", b"").decode("utf-8", "replace"))


def ocr_mode(request: Request) -> OcrMode:
    """When to recognise."""
    if request.headers.get(_SKIP, "").strip().lower() == "true":
        return OcrMode.NEVER
    return _STRATEGIES.get(request.headers.get(_STRATEGY, "auto").strip().lower(), OcrMode.AUTO)


def languages(request: Request) -> list[str]:
    """The languages, as the client names them."""
    return [each for each in request.headers.get(_LANGUAGE, "").replace(",", "+").split("+") if each.strip()]


def ignored_headers(request: Request) -> list[str]:
    """Tika's headers without effect."""
    known = (_LANGUAGE, _SKIP, _STRATEGY)
    return [name for name in request.headers if name.startswith(PREFIX) and name not in known]
