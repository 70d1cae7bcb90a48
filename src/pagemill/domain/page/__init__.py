"""What a page is: blocks, lines, words, tables, and where they stand. Nothing of how it was read."""
