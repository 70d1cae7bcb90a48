"""Makes a scanned letter: print of several qualities, as an engine would rather not have it."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (1000, 1300)
DPI = 120
TITLE = "Harbour Office"
LINES = (
    "Dear Captain Aldous,",
    "",
    "the pilot boat leaves at 05:40 on 12 March and will",
    "wait for you at buoy 7. Please have the manifest ready:",
    "",
    "    18 crates of lamp oil          1,284.50",
    "     4 anchors, galvanised           960.00",
    "     2 barometers                    312.75",
    "",
    "The balance of 2,557.25 is due when the cargo is landed.",
    "Nothing that is done has to be done twice.",
    "",
    "With kind regards,",
    "M. Winterbourne, harbour master",
)
FAXED = ("recounted twice, signed for and sealed", "kept for the archive until the end of 2031")
CROSSED_OUT = "and read aloud to the night watchman"
PAPER, INK = 252, 35


def letter(number: int) -> Image.Image:
    """One page that ends with lines an engine is not sure of."""
    page = Image.new("L", SIZE, PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((90, 90), f"{TITLE} {number}", fill=INK, font=ImageFont.load_default(46))
    draw.line((90, 160, 910, 160), fill=120, width=2)
    for row, line in enumerate(LINES):
        draw.text((90, 210 + 58 * row), line, fill=INK, font=ImageFont.load_default(29))
    for row, unsure in enumerate((*map(_fax, FAXED), _crossed_out(CROSSED_OUT))):
        page.paste(unsure, (90, 1050 + 70 * row))
    return page


def _line(text: str) -> Image.Image:
    line = Image.new("L", (820, 60), PAPER)
    ImageDraw.Draw(line).text((0, 10), text, fill=INK, font=ImageFont.load_default(26))
    return line


def _fax(text: str) -> Image.Image:
    """As a fax of old has it: a fifth of the resolution."""
    line = _line(text)
    width, height = line.size
    return line.resize((int(width / 5.3), int(height / 5.3)), Image.Resampling.BOX).resize((width, height))


def _crossed_out(text: str) -> Image.Image:
    line = _line(text)
    draw = ImageDraw.Draw(line)
    for x in range(0, 460, 7):
        draw.line((x, 12, x + 5, 40), fill=60, width=2)
    return line


def make_letters(path: Path, pages: int) -> Path:
    """A scanned PDF of so many letters, without a text layer."""
    first, *others = [letter(number) for number in range(1, pages + 1)]
    first.save(path, "PDF", save_all=True, append_images=others, resolution=DPI)
    return path
