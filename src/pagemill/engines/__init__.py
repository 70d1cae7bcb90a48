"""Page image to page model: one file and one registry line for each engine."""
