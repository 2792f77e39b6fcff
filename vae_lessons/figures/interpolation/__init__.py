"""Interpolation between images: a live figure."""
