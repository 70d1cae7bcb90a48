"""Makes a scanned letter: print of several qualities, as an engine would rather not have it."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

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
FADED = (
    ("Copy for the archive, kept until the end of 2031", 150, 1.6),
    ("stamped at the quay by the night watchman", 185, 2.6),
    ("recounted twice, signed for and sealed", 205, 3.0),
)
"""What it says, how dark its ink is, and how blurred."""


def letter(number: int) -> Image.Image:
    """One page, whose last lines are faded and blurred."""
    page = Image.new("L", SIZE, 252)
    draw = ImageDraw.Draw(page)
    draw.text((90, 90), f"{TITLE} {number}", fill=25, font=ImageFont.load_default(46))
    draw.line((90, 160, 910, 160), fill=120, width=2)
    for row, line in enumerate(LINES):
        draw.text((90, 210 + 58 * row), line, fill=35, font=ImageFont.load_default(29))
    for row, (line, ink, blur) in enumerate(FADED):
        faded = Image.new("L", (820, 50), 252)
        ImageDraw.Draw(faded).text((0, 8), line, fill=ink, font=ImageFont.load_default(24))
        page.paste(faded.filter(ImageFilter.GaussianBlur(blur)), (90, 1080 + 60 * row))
    return page


def make_letters(path: Path, pages: int) -> Path:
    """A scanned PDF of so many letters, without a text layer."""
    first, *others = [letter(number) for number in range(1, pages + 1)]
    first.save(path, "PDF", save_all=True, append_images=others, resolution=DPI)
    return path
