"""Importance weights and the bound that they give: a live figure."""
