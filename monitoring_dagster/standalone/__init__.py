"""The same judgements on files and tables, without Dagster."""
