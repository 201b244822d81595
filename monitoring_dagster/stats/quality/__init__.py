"""Outcomes of predictions, and the metrics they add up to."""
