"""Arrival, process and quality of labels."""
