"""What a day goes through: its steps in order, in many processes, and once more for late files."""
