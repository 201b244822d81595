"""Retraining: when, on what, and whether the challenger serves."""
