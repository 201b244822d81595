"""Distances between profiles, and whether they are drift."""
