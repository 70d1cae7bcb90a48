"""Pagemill in process, for scripts and notebooks.

from pagemill import ocr

for page in ocr("scan.pdf"):
    print(page.text)
"""

from pagemill.domain.task.results import UnreadPage
from pagemill.library.pages import Pages
from pagemill.library.session import Session, ocr

__all__ = ["Pages", "Session", "UnreadPage", "ocr"]
