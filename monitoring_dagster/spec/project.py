"""What holds for all models of a project."""

from monitoring_dagster.spec.record import Record
from monitoring_dagster.spec.schedule import Schedule


class ProjectSettings(Record):
    """What `[tool.monitoring_dagster]` in pyproject.toml says, for models that say nothing else."""

    schedule: Schedule = Schedule()

    def _check(self) -> None:
        self.schedule.refuse_long_grace()
