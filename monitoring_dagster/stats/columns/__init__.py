"""Columns of rows in numbers: bins and profiles."""
