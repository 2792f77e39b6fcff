"""Points on their way to noise, and draws on their way back: a live figure."""
