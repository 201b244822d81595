"""The reference of a version: bins, profiles, outcomes, a sample of rows."""
