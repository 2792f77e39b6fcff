"""One z in all classes of a conditional VAE: a live figure."""
