"""Makes small PDFs, content stream by content stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

LETTER = (612, 792)
EncryptionLevel = Literal[2, 3, 4, 6]


@dataclass(frozen=True)
class PdfPageSpec:
    """A page to make.

    Attributes:
        content: Its content stream; fonts `/F1` (Helvetica) and, where given, images `/I0`, `/I1`, … are there.
        images: Gray images: columns, rows, bytes.
        keys: Further entries of the page, such as `/Rotate`.
    """

    content: str = ""
    size: tuple[float, float] = LETTER
    images: tuple[tuple[int, int, bytes], ...] = ()
    keys: dict[str, pikepdf.Object | int | float] = field(default_factory=dict)


def text_at(x: float, y: float, text: str, *, size: float = 12, mode: int = 0) -> str:
    """Operators that show `text` with its baseline at (x, y), points, y up; `mode` 3 is invisible."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT {mode} Tr /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def image_at(x: float, y: float, width: float, height: float, *, index: int = 0) -> str:
    """Operators that draw image `/I<index>` into a rectangle."""
    return f"q {width} 0 0 {height} {x} {y} cm /I{index} Do Q\n"


def make_pdf(
    path: Path, pages: Sequence[PdfPageSpec], *, user_password: str | None = None, revision: EncryptionLevel = 6
) -> Path:
    """Write a PDF of these pages; with a password (it may be empty) it is encrypted, as this revision has it."""
    with Pdf.new() as pdf:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        for page in pages:
            _add(pdf, page, font)
        encryption = None if user_password is None else _encryption(user_password, revision)
        pdf.save(path, encryption=encryption or False)
    return path


def _encryption(password: str, revision: EncryptionLevel) -> pikepdf.Encryption:
    is_old = revision < 4
    return pikepdf.Encryption(owner="owner", user=password, R=revision, aes=not is_old, metadata=not is_old)


def _add(pdf: Pdf, page: PdfPageSpec, font: pikepdf.Object) -> None:
    images = Dictionary({f"/I{index}": _image(pdf, *image) for index, image in enumerate(page.images)})
    entries = Dictionary(
        Type=Name.Page,
        MediaBox=Array([0, 0, *page.size]),
        Resources=Dictionary(Font=Dictionary(F1=font), XObject=images),
        Contents=pdf.make_stream(page.content.encode("latin-1")),
    )
    for key, value in page.keys.items():
        entries[key] = value
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(entries)))


def _image(pdf: Pdf, width: int, height: int, samples: bytes) -> pikepdf.Object:
    image = Stream(pdf, samples)
    image.Type, image.Subtype = Name.XObject, Name.Image
    image.Width, image.Height = width, height
    image.ColorSpace, image.BitsPerComponent = Name.DeviceGray, 8
    return pdf.make_indirect(image)
