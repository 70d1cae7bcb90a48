"""What a page is: blocks, lines, words, tables and their positions, but not how it was read."""
