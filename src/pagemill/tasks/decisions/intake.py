"""Whether to accept a document, and with which engine. Pure decisions."""

from collections.abc import Iterable, Mapping, Sequence, Set

from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode, PageSize, too_many_pages
from pagemill.domain.errors import EngineUnavailable, UnknownEngine
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec, find_profile
from pagemill.domain.work.recognition import RecognitionOptions, Stage
from pagemill.tasks.decisions.assistance import assistance_for

POINTS_PER_INCH = 72


def choose_engine(engines: Mapping[str, EngineSpec], options: RecognitionOptions) -> tuple[EngineSpec, EngineProfile]:
    """The requested engine and profile, if they can read the document.

    Raises:
        UnknownEngine: There is no such engine, profile or language; the message names the available ones.
        EngineUnavailable: The engine or its profile is unavailable here.
    """
    assistance = assistance_for(engines, options)
    engines = {name: spec for name, spec in engines.items() if not spec.assists}
    spec, profile = find_profile(engines, options.engine, options.profile)
    unusable = spec.unusable or profile.unusable
    if unusable and options.ocr is not OcrMode.NEVER:
        able = [other.name for other in engines.values() if not other.unusable and _reads(other, options.languages)]
        raise EngineUnavailable(f"{unusable} Available engines: {_names(able)}.", engines=_names(able))
    if options.structure and spec.interpreter is not None and not spec.finds_structure:
        able = [other.name for other in engines.values() if other.interpreter is None or other.finds_structure]
        raise EngineUnavailable(
            f"{spec.name} cannot find structure. Leave structure out, or use one of: {_names(able)}.",
            engines=_names(able),
        )
    read = {*profile.languages, *(assistance.languages if assistance is not None else ())}
    _check_languages(engines, options, spec, profile, read=read)
    return spec, profile


def _check_languages(
    engines: Mapping[str, EngineSpec],
    options: RecognitionOptions,
    spec: EngineSpec,
    profile: EngineProfile,
    *,
    read: Set[str],
) -> None:
    unread = sorted(set(options.languages) - read) if profile.languages else []
    if not unread:
        return
    able = [other.name for other in engines.values() if not other.unusable and _reads(other, options.languages)]
    sentences = (
        f"{spec.name}/{profile.name} does not read {', '.join(unread)}; it reads {_names(profile.languages)}.",
        f"Engines that read {', '.join(options.languages)}: {_names(able)}.",
        *(other.more_languages for other in engines.values() if other.more_languages and (other is spec or not able)),
    )
    raise UnknownEngine(" ".join(sentences), languages=", ".join(unread), engines=_names(able))


def check_structure(spec: EngineSpec, options: RecognitionOptions, *, missing: str | None) -> None:
    """Refuse to look for structure without models for it.

    Args:
        spec: The chosen engine.
        options: The requested options.
        missing: Why the models are missing here, in one sentence; None if they are installed.

    Raises:
        EngineUnavailable: The message says what to do instead.
    """
    if not options.structure or spec.finds_structure:
        return
    if missing is not None:
        raise EngineUnavailable(missing)
    if spec.interpreter is not None:
        raise EngineUnavailable(
            f"The engine {spec.name} runs in a separate environment, which lacks the structure models. Use "
            "another engine, or leave structure out."
        )


def check_page_count(info: DocumentInfo, max_pages: int) -> None:
    """Refuse a document with more pages than the settings allow.

    Raises:
        DocumentTooLarge: The document has too many pages; the error has both numbers.
    """
    if info.page_count > max_pages:
        raise too_many_pages(str(info.page_count), most=max_pages)


def largest_page_pixels(info: DocumentInfo, *, dpi: int, max_pixels: int) -> int:
    """Pixels of the largest page image that an engine will get, according to the known page sizes."""
    pixels = (_pixels(size, info.kind, dpi) for size in info.page_sizes)
    return min(max_pixels, max(pixels, default=max_pixels))


def first_stage(kind: DocumentKind, mode: OcrMode) -> Stage:
    """The first stage of pages: PDF pages begin with their text layer, unless recognition is forced."""
    if mode is OcrMode.NEVER or (kind is DocumentKind.PDF and mode is OcrMode.AUTO):
        return Stage.TEXT
    return Stage.OCR


def _pixels(size: PageSize, kind: DocumentKind, dpi: int) -> int:
    scale = dpi / POINTS_PER_INCH if kind is DocumentKind.PDF else 1.0
    return int(size.width * scale * size.height * scale)


def _reads(spec: EngineSpec, languages: Sequence[str]) -> bool:
    return any(set(languages) <= set(profile.languages) or not profile.languages for profile in spec.profiles)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
