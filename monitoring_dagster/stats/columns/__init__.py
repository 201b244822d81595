"""Columns of rows in numbers: bins, profiles, cells."""
