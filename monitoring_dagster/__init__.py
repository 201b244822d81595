"""Machine-learning monitoring that lives inside Dagster."""

from monitoring_dagster.standalone.drift import compare

__all__ = ["compare"]
