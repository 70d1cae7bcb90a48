"""Passwords of protected documents."""

LONGEST_PASSWORD = 1024
"""Characters. PDF uses 127 bytes."""

FIELD = "password"
"""The name of the form field."""
