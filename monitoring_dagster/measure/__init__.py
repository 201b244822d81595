"""A day's rows into stored results: one step a file. No Dagster here."""
