"""One step a file: fetch, call the pure functions, store the result. No Dagster here."""
