"""Diagnosis: why a model is not as it should be, and what to do about that."""
