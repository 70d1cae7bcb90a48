"""The version of Pagemill, in a separate module so that any part can import it."""

__version__ = "0.1.0"
