"""Bytes to pages and pages to files. Modules that open documents run in workers only."""
