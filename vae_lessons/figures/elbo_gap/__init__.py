"""The ELBO and its gap: a live figure."""
