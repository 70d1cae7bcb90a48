"""Pictures of pages for viewing. Runs in workers only."""

from pathlib import Path

from PIL import Image

from pagemill.domain.page.image import PageImage

QUALITY = 82
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""By degrees clockwise; Pillow counts the other way round."""


def write_preview(image: PageImage, path: Path, *, rotation: int) -> None:
    """Write the page as JPEG, turned clockwise by 0, 90, 180 or 270 degrees.

    The file is complete or missing, never partial. It makes the folder if needed.
    """
    mode = "L" if image.channels == 1 else "RGB"
    picture = Image.frombuffer(mode, (image.width_px, image.height_px), image.data.tobytes(), "raw", mode, 0, 1)
    if rotation in _TURNS:
        picture = picture.transpose(_TURNS[rotation])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    picture.save(part, "JPEG", quality=QUALITY, optimize=True)
    part.replace(path)
