"""Channels that messages go through, a file each."""
