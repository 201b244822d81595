"""Addresses of the pages that a message points to."""

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import quote, urlencode

from monitoring_dagster.decide.rules import Partitions


@dataclass(frozen=True, slots=True)
class Link:
    """A label and where it leads."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where the pages stand that a message points to."""

    dagster_url: str
    mlflow_url: str
    runbook_url: str | None = None  # the folder on the web that holds <kind>.md

    def runbook(self, kind: str) -> Link | None:
        """The page of a kind, if it is on the web: no reader has the files of our disk."""
        if self.runbook_url is None or not self.runbook_url.startswith(("https://", "http://")):
            return None
        return Link("Runbook", _join(self.runbook_url, f"{kind}.md"))

    def asset(self, model: str, step: str, day: date, partitions: Partitions) -> Link:
        """An asset's partition of *day*: what the UI opens with its metadata and checks."""
        page = f"assets/{quote(model, safe='')}/{quote(step, safe='')}"
        if partitions is Partitions.NONE:
            return Link(f"Dagster: {step}", _join(self.dagster_url, f"{page}?view=events"))
        if partitions is Partitions.WEEKS:
            day -= timedelta(days=day.weekday())  # a week is named by its Monday
        query = urlencode({"view": "partitions", "partition": day})
        label = f"Dagster: {step} of {day}"
        return Link(label, _join(self.dagster_url, f"{page}?{query}"))

    def dagster_run(self, run_id: str) -> Link:
        """A run with its log."""
        return Link("Dagster run", _join(self.dagster_url, f"runs/{quote(run_id, safe='')}"))

    def mlflow(self, model: str, *, version: str | None, run_id: str | None) -> Link:
        """The run that made a version, else the version, else its model."""
        if run_id:
            return Link("MLflow run", _join(self.mlflow_url, f"#/runs/{quote(run_id, safe='')}"))
        suffix = f"/versions/{quote(version, safe='')}" if version else ""
        page = f"#/models/{quote(model, safe='')}{suffix}"
        return Link("MLflow model", _join(self.mlflow_url, page))


def _join(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"
