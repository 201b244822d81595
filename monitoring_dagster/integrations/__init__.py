"""The world outside, one library a file."""
