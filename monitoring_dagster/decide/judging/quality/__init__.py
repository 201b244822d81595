"""Rules on quality, as it is expected and as labels show it."""
