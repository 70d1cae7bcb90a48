"""Which Pagemill this is; a module of its own, so that every part may ask."""

__version__ = "0.1.0"
