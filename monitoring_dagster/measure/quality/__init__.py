"""Labels of a day, and the quality that they show."""
