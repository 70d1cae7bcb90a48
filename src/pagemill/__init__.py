"""Pagemill: document OCR that never takes on more than its memory can carry."""

__version__ = "0.1.0"
