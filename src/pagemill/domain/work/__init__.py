"""What workers are asked to do, by which engines, and how it ended."""
