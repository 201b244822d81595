"""What was delivered of a day: what is missing of it, and whether it may be learnt from."""
