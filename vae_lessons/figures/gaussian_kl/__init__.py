"""The KL of a Gaussian in parts: a live figure."""
