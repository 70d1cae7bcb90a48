"""Results of tasks: pages, formats, files."""
