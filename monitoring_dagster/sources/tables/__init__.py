"""Tables of any kind: Parquet, CSV, frames, folders, globs."""
