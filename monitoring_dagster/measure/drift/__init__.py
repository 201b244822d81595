"""Drift of a day from its baselines, column by column and together."""
