"""Columns of rows in numbers: bins, groups and profiles."""
