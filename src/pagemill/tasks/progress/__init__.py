"""Task events: counts them, records them, and wakes those who wait for them."""
