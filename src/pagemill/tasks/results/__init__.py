"""What a task gives back: pages, formats, files."""
