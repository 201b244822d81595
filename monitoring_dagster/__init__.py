"""Machine-learning monitoring that lives inside Dagster."""
