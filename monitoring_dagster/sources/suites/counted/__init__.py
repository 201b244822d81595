"""Expectations counted where the rows are: what each asks in SQL, and what a breach says."""
