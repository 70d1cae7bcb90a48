"""From claiming pages to committing them, and how to handle failures on the way."""
