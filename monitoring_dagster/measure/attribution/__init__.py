"""Causes of a change in quality: moved traffic, versions, inputs, relation."""
