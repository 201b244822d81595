"""Findings of a day, from what the steps stored."""
