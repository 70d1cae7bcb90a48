"""What it costs to see that a page needs no recognition: `python -m benchmarks.looks`.

Pages with a text layer whose pictures show no other writing, in one process, as a reader reads them. Times are CPU time
(user and system), which others on the machine change little, although a busy second thread of the same core doubles it.
"""

import argparse
import gc
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

from pagemill.documents.pdf import PdfFile
from pagemill.domain.documents import OcrMode

_A4 = (595, 842)
_DPI = 200
_LINES, _FEW_LINES, _PITCH, _TOP, _LEFT, _SIZE = 45, 20, 16, 780, 60, 10
_LINE = "Page text, line {0}: what was agreed upon in writing and read by all, {0} times."
_RULES = "".join(f"60 {790 - 16 * at} m 535 {790 - 16 * at} l S\n" for at in range(20))
_PHOTO_RECT = (60, 60, 535, 416)


def photo(width: int, height: int) -> Image.Image:
    """Soft shapes, texture and grain, without writing."""
    chance = np.random.default_rng(1)

    def clouds(across: int, down: int, strength: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        rough = chance.normal(0, strength, (down, across, 3)).astype(np.float32)
        return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)

    made = 128 + clouds(16, 12, 60) + clouds(width // 24, height // 24, 25) + clouds(width // 2, height // 2, 12)
    return Image.fromarray(np.clip(made, 0, 255).astype(np.uint8))


def scan(dpi: int, mode: str) -> Image.Image:
    """A page of print with a scanner's noise."""
    scale = dpi / 72
    image = Image.new("RGB", (round(_A4[0] * scale), round(_A4[1] * scale)), (244, 242, 238))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_SIZE * scale)
    for line in range(_LINES):
        top = (_A4[1] - _TOP + _PITCH * line - 9) * scale
        draw.text((_LEFT * scale, top), _LINE.format(line + 1), fill=(20, 20, 25), font=font)
    noise = np.random.default_rng(1).normal(0, 4, (image.height, image.width, 1))
    noisy = np.clip(np.asarray(image, dtype=np.float32) + noise, 0, 255)
    return Image.fromarray(noisy.astype(np.uint8)).convert(mode)


def write_pdf(
    path: Path, pages: int, *, image: Image.Image | None = None, is_scan: bool = False, drawn: str = ""
) -> Path:
    """Pages of text, with a picture in their lower half, or below hidden text."""
    jpeg = io.BytesIO()
    if image is not None:
        image.save(jpeg, "JPEG", quality=75 if is_scan else 85)
    with Pdf.new() as pdf:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        for _ in range(pages):
            pdf.add_blank_page(page_size=_A4)
            resources = Dictionary(Font=Dictionary(F1=font))
            if image is not None:
                resources.XObject = Dictionary(I=_image(pdf, image, jpeg.getvalue()))
                left, bottom, right, top = (0, 0, *_A4) if is_scan else _PHOTO_RECT
                drawn = f"q {right - left} 0 0 {top - bottom} {left} {bottom} cm /I Do Q\n"
            lines = _FEW_LINES if image is not None and not is_scan else _LINES
            pdf.pages[-1].Resources = resources
            pdf.pages[-1].Contents = pdf.make_stream((drawn + _text(lines, hidden=is_scan)).encode())
            pdf.pages[-1].MediaBox = Array([0, 0, *_A4])
        pdf.save(path)
    return path


def _image(pdf: Pdf, image: Image.Image, jpeg: bytes) -> pikepdf.Stream:
    made = pdf.make_stream(jpeg, Type=Name.XObject, Subtype=Name.Image, BitsPerComponent=8, Filter=Name.DCTDecode)
    made.Width, made.Height = image.width, image.height
    made.ColorSpace = Name.DeviceGray if image.mode == "L" else Name.DeviceRGB
    return made


def _text(lines: int, *, hidden: bool) -> str:
    return "".join(
        f"BT {3 if hidden else 0} Tr /F1 {_SIZE} Tf {_LEFT} {_TOP - _PITCH * at} Td ({_LINE.format(at + 1)}) Tj ET\n"
        for at in range(lines)
    )


def cpu_ms(path: Path) -> float | None:
    """CPU milliseconds a page; None if a page needs an engine."""
    with PdfFile(path) as pdf:
        count = pdf.info().page_count
        pdf.text_page(1, dpi=_DPI, mode=OcrMode.AUTO)
        began = time.process_time()
        read = [pdf.text_page(number, dpi=_DPI, mode=OcrMode.AUTO) for number in range(2, count + 1)]
        spent = 1000 * (time.process_time() - began) / (count - 1)
    return None if None in read else spent


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.looks", description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=30, help="pages of each kind (default 30)")
    pages = parser.parse_args().pages
    gc.freeze()
    table = Table("page", "CPU ms", "pages/s")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.pdf"
        kinds: dict[str, Callable[[], Path]] = {
            "text, 45 lines": lambda: write_pdf(path, pages),
            "… with rules": lambda: write_pdf(path, pages, drawn=_RULES),
            "text, 20 lines, and a photo of 2 megapixels": lambda: write_pdf(path, pages, image=photo(1600, 1200)),
            "… of 7 megapixels": lambda: write_pdf(path, pages, image=photo(3000, 2250)),
            "… of 12 megapixels": lambda: write_pdf(path, pages, image=photo(4000, 3000)),
            "scan of 200 dpi in gray, 45 hidden lines": lambda: write_pdf(
                path, pages, image=scan(200, "L"), is_scan=True
            ),
            "… in colour": lambda: write_pdf(path, pages, image=scan(200, "RGB"), is_scan=True),
            "… of 300 dpi in colour": lambda: write_pdf(path, pages, image=scan(300, "RGB"), is_scan=True),
        }
        for kind, make in kinds.items():
            spent = cpu_ms(make())
            table.add_row(
                kind, *(("needs an engine", "") if spent is None else (f"{spent:.1f}", f"{1000 / spent:.0f}"))
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
