"""A picture as blocks have them; its bytes do not matter."""

from pagemill.domain.page.page import BlockPicture

PICTURE = BlockPicture(media_type="image/png", width_px=4, height_px=3, base64="QUJDRA==")
