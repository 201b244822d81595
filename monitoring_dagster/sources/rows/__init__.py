"""Days of an inference log, and numbers from elsewhere."""
