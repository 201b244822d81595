"""Labels and the predictions that they are about."""
