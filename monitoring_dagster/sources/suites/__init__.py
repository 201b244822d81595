"""Expectation suites: what the data must look like."""
