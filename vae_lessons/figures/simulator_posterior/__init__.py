"""Amortised posteriors of a simulator's parameters beside the exact one: a live figure."""
