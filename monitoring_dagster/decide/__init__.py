"""What it means and what to do: pure functions; the clock is an argument."""
