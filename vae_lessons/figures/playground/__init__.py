"""A VAE that trains in the reader's browser while it is looked at and changed."""
