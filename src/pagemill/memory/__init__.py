"""How much memory is left, and who has reserved it."""
