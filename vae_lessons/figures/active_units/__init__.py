"""Units that switch on and off as the noise changes: a live figure."""
