"""Reads a first page with a newly loaded engine, so that the next page need not wait. Runs in a worker."""

from PIL import Image, ImageDraw, ImageFont

from pagemill.domain.page.image import PageImage
from pagemill.domain.work.engine_spec import Engine


def warm_up(engine: Engine) -> Engine:
    """The engine after it has read one small image and freed the memory for that."""
    picture = Image.new("L", (320, 96), 255)
    ImageDraw.Draw(picture).text((20, 30), "Pagemill", fill=0, font=ImageFont.load_default(32))
    image = PageImage(memoryview(picture.tobytes()), 320, 96, 1, None)
    engine.read(image, number=1, rotation=0, batch_size=None)
    engine.trim()
    return engine
