"""What several exercises of lesson 9 need."""

IMAGES = 20_000
