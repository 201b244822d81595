"""Versions of models, in MLflow."""
