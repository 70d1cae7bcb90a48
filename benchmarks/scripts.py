"""Pages in seven scripts, and how many of their lines are wrong without a warning.

The texts are the first article of the Universal Declaration of Human Rights, which is free for all, and a line with
numbers as on bills. An error in a line is not silent if a warning of its page lies on the line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import BytesIO
from pathlib import Path
from unicodedata import normalize

from PIL import Image, ImageDraw, ImageFont

from pagemill import Session
from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.page import Page, Rectangle

_NOTO = Path("/usr/share/fonts/truetype/noto")
_NANUM = Path("/usr/share/fonts/truetype/nanum")
NUMBERS = _NOTO / "NotoSans-Regular.ttf"
"""For numbers and Latin, which fonts of other scripts lack."""

FONTS: Mapping[str, tuple[Path, ...]] = {
    "ar": (_NOTO / "NotoSansArabic-Regular.ttf", _NOTO / "NotoNaskhArabic-Regular.ttf"),
    "el": (_NOTO / "NotoSans-Regular.ttf", _NOTO / "NotoSerif-Regular.ttf"),
    "en": (_NOTO / "NotoSans-Regular.ttf", _NOTO / "NotoSerif-Regular.ttf"),
    "he": (_NOTO / "NotoSansHebrew-Regular.ttf", _NOTO / "NotoSerifHebrew-Regular.ttf"),
    "hi": (_NOTO / "NotoSansDevanagari-Regular.ttf", _NOTO / "NotoSerifDevanagari-Regular.ttf"),
    "ko": (_NANUM / "NanumGothic.ttf", _NANUM / "NanumMyeongjo.ttf"),
    "ru": (_NOTO / "NotoSans-Regular.ttf", _NOTO / "NotoSerif-Regular.ttf"),
    "th": (_NOTO / "NotoSansThai-Regular.ttf", _NOTO / "NotoSerifThai-Regular.ttf"),
}

TEXTS: Mapping[str, tuple[str, ...]] = {
    "ar": (
        "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
        "وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا",
        "بروح الإخاء.",
        "المبلغ 25,000 ريال في الشهر",
    ),
    "el": (
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι",
        "στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι",
        "με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται",
        "Ποσό 250,00 ευρώ τον μήνα",
    ),
    "en": (
        "All human beings are born free and equal in dignity and rights.",
        "They are endowed with reason and conscience and should act",
        "towards one another in a spirit of brotherhood.",
        "Amount 250.00 EUR per month",
    ),
    "he": (
        "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
        "כולם חוננו בתבונה ובמצפון, לפיכך חובה עליהם לנהוג",
        "איש ברעהו ברוח של אחווה.",
        "סכום 2,500 שקל לחודש",
    ),
    "hi": (
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात",
        "स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा",
        "की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव",
        "कुल राशि 25,000 रुपये प्रति माह",
    ),
    "ko": (
        "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에",
        "있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며",
        "서로 형제애의 정신으로 행동하여야 한다.",
        "금액 250,000 원 매월",
    ),
    "ru": (
        "Все люди рождаются свободными и равными в своем достоинстве и правах.",
        "Они наделены разумом и совестью и должны поступать",
        "в отношении друг друга в духе братства.",
        "Сумма 25 000 рублей в месяц",
    ),
    "th": (
        "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
        "ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกัน",
        "ด้วยเจตนารมณ์แห่งภราดรภาพ",
        "จำนวนเงิน 25,000 บาทต่อเดือน",
    ),
}

MIXED = (("en", 0), ("ru", 0), ("he", 1), ("en", 3), ("ko", 2))
"""A page of many scripts: languages and their lines."""

WIDTH, MARGIN, DPI = 1654, 100, 200
RIGHT = 0.9
"""Likeness from which a line counts as read."""


@dataclass(frozen=True)
class DrawnLine:
    """A line of a page: what it says, and where."""

    text: str
    place: Rectangle


@dataclass(frozen=True)
class ScriptPage:
    """A page and what stands on it."""

    name: str
    image: Image.Image
    lines: tuple[DrawnLine, ...]


def script_pages(size: int = 34) -> Iterator[ScriptPage]:
    """A page for each language and font that is installed, and one of many."""
    for language, texts in TEXTS.items():
        for font in FONTS[language]:
            if font.exists():
                yield draw_page(f"{language} {font.stem}", [(text, font) for text in texts], size=size)
    if all(FONTS[language][0].exists() for language, _ in MIXED):
        lines = [(TEXTS[language][at], FONTS[language][0]) for language, at in MIXED]
        yield draw_page("mixed", lines, size=size)


def draw_page(name: str, lines: Sequence[tuple[str, Path]], *, size: int) -> ScriptPage:
    """Lines below each other, each in its font, those that run from the right at the right."""
    step = round(2.1 * size)
    image = Image.new("L", (WIDTH, 2 * MARGIN + step * len(lines)), 255)
    drawn = tuple(_draw(image, text, font, top=MARGIN + at * step, size=size) for at, (text, font) in enumerate(lines))
    return ScriptPage(name, image, drawn)


def _draw(image: Image.Image, text: str, font: Path, *, top: int, size: int) -> DrawnLine:
    """Word by word, because numbers need another font than letters."""
    draw, from_right = ImageDraw.Draw(image), runs_from_right([text])
    at = float(WIDTH - MARGIN if from_right else MARGIN)
    start = at
    space = 0.3 * size
    for word in text.split(" "):
        face = ImageFont.truetype(str(NUMBERS if word.isascii() else font), size)
        direction = "rtl" if runs_from_right([word]) else "ltr"
        width = draw.textlength(word, font=face, direction=direction)
        baseline = top + size
        draw.text(
            (at - width if from_right else at, baseline), word, font=face, fill=0, anchor="ls", direction=direction
        )
        at += -(width + space) if from_right else width + space
    return DrawnLine(text, (min(start, at), float(top), max(start, at), top + 1.4 * size))


def report() -> str:
    """How many lines are wrong, and how many of these silently, with and without help with other scripts."""
    pages = list(script_pages())
    rows = ["| page | lines | wrong, silent without help | wrong, silent with help |", "|---|---:|---:|---:|"]
    totals = [0, 0, 0, 0]
    with Session() as session:
        for page in pages:
            counts = [*_faults(page, session, ["en"]), *_faults(page, session, [])]
            totals = [total + count for total, count in zip(totals, counts, strict=True)]
            rows.append(f"| {page.name} | {len(page.lines)} | {counts[0]}, {counts[1]} | {counts[2]}, {counts[3]} |")
    per_100 = [100 * total / len(pages) for total in totals]
    rows.append(f"| **each 100 pages** | | {per_100[0]:.0f}, {per_100[1]:.0f} | {per_100[2]:.0f}, {per_100[3]:.0f} |")
    return "\n".join(rows)


def _faults(page: ScriptPage, session: Session, languages: list[str]) -> tuple[int, int]:
    """Lines that are missing or wrong, and how many of these no warning tells of."""
    picture = BytesIO()
    page.image.save(picture, "PNG", dpi=(DPI, DPI))
    read = session.ocr(picture.getvalue(), languages=languages)[0]
    wrong = [line for line in page.lines if not _is_read(line, read)]
    return len(wrong), sum(not _is_told(line, read) for line in wrong)


def _is_read(line: DrawnLine, page: Page) -> bool:
    wanted = _plain(line.text)
    return any(SequenceMatcher(None, wanted, _plain(read.text), autojunk=False).ratio() >= RIGHT for read in page.lines)


def _plain(text: str) -> str:
    return "".join(normalize("NFKC", text).split())


def _is_told(line: DrawnLine, page: Page) -> bool:
    middle = (line.place[1] + line.place[3]) / 2
    boxes = (warning.box for warning in page.warnings)
    return any(box is None or box[1] <= middle <= box[3] for box in boxes)
