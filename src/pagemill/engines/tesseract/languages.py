"""Tesseract's languages on this machine: only look-ups in its data folder, for the server and for workers."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pagemill.domain.errors import EngineFailed

NAME = "tesseract"

OPTION = "tessdata_dir"
"""The setting `engines.tesseract.tessdata_dir`."""

_SUFFIX = ".traineddata"
_NO_LANGUAGE = frozenset({"osd", "equ", "snum"})
_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tesseract-ocr/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
_TABLE = """
    afr:af amh:am ara:ar asm:as aze:az aze_cyrl:az-Cyrl bel:be ben:bn bod:bo bos:bs bre:br bul:bg cat:ca ces:cs
    chi_sim:zh chi_tra:zh-Hant cos:co cym:cy dan:da deu:de div:dv dzo:dz ell:el eng:en epo:eo est:et eus:eu fao:fo
    fas:fa fin:fi fra:fr fry:fy gla:gd gle:ga glg:gl guj:gu hat:ht heb:he hin:hi hrv:hr hun:hu hye:hy iku:iu ind:id
    isl:is ita:it jav:jv jpn:ja kan:kn kat:ka kaz:kk khm:km kir:ky kmr:ku kor:ko lao:lo lat:la lav:lv lit:lt ltz:lb
    mal:ml mar:mr mkd:mk mlt:mt mon:mn mri:mi msa:ms mya:my nep:ne nld:nl nor:no oci:oc ori:or pan:pa pol:pl por:pt
    pus:ps que:qu ron:ro rus:ru san:sa sin:si slk:sk slv:sl snd:sd spa:es sqi:sq srp:sr srp_latn:sr-Latn sun:su swa:sw
    swe:sv tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tur:tr uig:ug ukr:uk urd:ur uzb:uz
    uzb_cyrl:uz-Cyrl vie:vi yid:yi yor:yo
"""
_CODES: Mapping[str, str] = dict(pair.split(":") for pair in _TABLE.split())
"""Tesseract's names and our codes for them; a name that is missing here is its own code."""

_NAMES: Mapping[str, str] = {code: name for name, code in _CODES.items()}
DEFAULT = "en"


def data_folder(options: Mapping[str, object]) -> Path | None:
    """The folder of the data files: from the settings, or else the first usual one with a language."""
    if OPTION in options:
        return Path(str(options[OPTION]))
    return next((folder for folder in map(Path, _FOLDERS) if _names_in(folder)), None)


def languages_in(folder: Path | None) -> tuple[str, ...]:
    """Codes of the installed languages, sorted."""
    return () if folder is None else tuple(sorted(_CODES.get(name, name) for name in _names_in(folder)))


def default_languages(languages: Iterable[str]) -> tuple[str, ...]:
    """The languages for a task that names none: English if it is installed, otherwise the first installed one."""
    known = sorted(languages)
    return (DEFAULT,) if DEFAULT in known else tuple(known[:1])


def data_files(options: Mapping[str, object], codes: Iterable[str]) -> tuple[Path, list[str]]:
    """The folder of the data files, and Tesseract's names for these languages (none: the default ones).

    Raises:
        EngineFailed: A data file is missing; the message says how to get it.
    """
    folder = data_folder(options)
    there = frozenset() if folder is None else _names_in(folder)
    wanted = tuple(codes) or default_languages(languages_in(folder)) or (DEFAULT,)
    names = [_NAMES.get(code, code) for code in wanted]
    missing = [code for code, name in zip(wanted, names, strict=True) if name not in there]
    if folder is None or missing:
        raise EngineFailed(how_to_get(missing, folder))
    return folder, names


def how_to_get(codes: Iterable[str], folder: Path | None) -> str:
    """What to do about languages without data files."""
    codes = list(codes)
    wanted = [_NAMES.get(code, code) for code in codes]
    packages = " ".join(map(package_of, codes))
    place = f"into {folder}" if folder is not None else f"into a folder and name it in engines.tesseract.{OPTION}"
    return (
        f"Tesseract has no data for {', '.join(wanted)}. Install it with `apt-get install {packages}`, or put "
        f"{', '.join(name + _SUFFIX for name in wanted)} {place}; then restart Pagemill."
    )


def package_of(code: str) -> str:
    """The Debian package with the data of a language."""
    return f"tesseract-ocr-{_NAMES.get(code, code).replace('_', '-')}"


def _names_in(folder: Path) -> frozenset[str]:
    try:
        found = frozenset(path.name.removesuffix(_SUFFIX) for path in folder.iterdir() if path.name.endswith(_SUFFIX))
    except OSError:
        return frozenset()
    return found - _NO_LANGUAGE
