"""How much memory is left, and who was promised it."""
