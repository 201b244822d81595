"""Evidence, intervals, and sums without rounding."""
