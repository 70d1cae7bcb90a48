"""HEIC photos as Pillow's image files: sizes first, and no memory for pixels before they are asked for.

The decoder turns and cuts each picture as the file says, so what EXIF says about it is out of date. Runs in workers
only, and is imported only for such a document.
"""

from typing import TYPE_CHECKING

from pi_heif import HeifFile, options
from PIL import Image, ImageFile

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

options.DECODE_THREADS = 1  # so that memory is predictable; a process reads one page at a time
options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False


class HeicImageFile(ImageFile.ImageFile):
    """The pictures of a file; parts of a picture (thumbnail, depth map) do not count.

    Once a picture is loaded, the file must be opened again for another.
    """

    format = "HEIF"

    def _open(self) -> None:
        self._pictures = HeifFile(self.fp, convert_hdr_to_8bit=True)
        self.n_frames = len(self._pictures)
        self._at = 0
        self._show()

    def seek(self, frame: int) -> None:
        """Choose a picture.

        Raises:
            EOFError: There is none.
        """
        if not 0 <= frame < self.n_frames:
            raise EOFError("there is no such picture")
        self._at = frame
        self._show()

    def tell(self) -> int:
        """The chosen picture, from 0."""
        return self._at

    def load(self) -> "PixelAccess | None":
        """Decode the chosen picture; its size may only now be known."""
        if (pictures := self._pictures) is not None:
            picture, self._pictures = pictures[self._at], None
            samples = picture.data
            self._mode, self._size = picture.mode, picture.size
            self.im = Image.frombytes(picture.mode, picture.size, samples, "raw", (picture.mode, picture.stride)).im
        return super().load()

    def _show(self) -> None:
        if self._pictures is not None:
            self._size, self._mode = self._pictures[self._at].size, self._pictures[self._at].mode
        self.tile = []
