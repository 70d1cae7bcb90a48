"""From claiming pages to committing them, and what is done when that fails."""
