"""Quality before its labels have come."""
