"""What is done: versions that serve, decisions about labels."""
