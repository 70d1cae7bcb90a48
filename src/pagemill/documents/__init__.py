"""Turns bytes into pages, and pages into files. Modules that open documents run in workers only."""
