"""Requests that people should look at."""
