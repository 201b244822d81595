"""Dagster, and only here."""

from monitoring_dagster.orchestration.component import MonitoredModel as MonitoredModel
