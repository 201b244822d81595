"""Series of days: leads, and thresholds worth an alert."""
