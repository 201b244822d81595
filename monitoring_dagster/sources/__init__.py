"""Rows in: the only rooms that read what others write."""
