"""Inspection of a day: what no row alone gives away."""
