"""What the steps of a day stored, read back: here steps meet, and none imports another."""
