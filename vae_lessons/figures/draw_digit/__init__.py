"""Draw a digit: a live figure."""
