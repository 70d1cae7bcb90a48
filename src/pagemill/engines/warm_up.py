"""A first page for an engine that was just loaded, so that the next one waits for nothing. Runs in a worker."""

from PIL import Image, ImageDraw, ImageFont

from pagemill.domain.page.image import PageImage
from pagemill.domain.work.engine_spec import Engine


def warm_up(engine: Engine) -> Engine:
    """The engine after it has read one small image, and given back what it needs no more."""
    picture = Image.new("L", (320, 96), 255)
    ImageDraw.Draw(picture).text((20, 30), "Pagemill", fill=0, font=ImageFont.load_default(32))
    image = PageImage(memoryview(picture.tobytes()), 320, 96, 1, None)
    engine.read(image, number=1, rotation=0, batch_size=None)
    engine.trim()
    return engine
