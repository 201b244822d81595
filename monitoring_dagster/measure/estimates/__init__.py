"""Estimates of quality, and how right they were."""
