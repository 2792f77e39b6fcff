"""Rate and distortion along β: a live figure."""
