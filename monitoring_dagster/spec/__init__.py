"""What a monitored model is, as its owner wrote it down."""

from monitoring_dagster.spec.channels import Channels as Channels
from monitoring_dagster.spec.metrics import METRICS as METRICS
from monitoring_dagster.spec.metrics import SCORE_METRICS as SCORE_METRICS
from monitoring_dagster.spec.metrics import MetricDefinition as MetricDefinition
from monitoring_dagster.spec.metrics import Task as Task
from monitoring_dagster.spec.metrics import Tolerance as Tolerance
from monitoring_dagster.spec.metrics import ValueTable as ValueTable
from monitoring_dagster.spec.model import Feature as Feature
from monitoring_dagster.spec.model import ModelSpec as ModelSpec
from monitoring_dagster.spec.retraining import Retraining as Retraining
from monitoring_dagster.spec.rules.limits import Baseline as Baseline
from monitoring_dagster.spec.schedule import Schedule as Schedule
from monitoring_dagster.spec.sources import FurtherLabels as FurtherLabels
from monitoring_dagster.spec.sources import Labels as Labels
from monitoring_dagster.spec.sources import OutsideSeries as OutsideSeries
from monitoring_dagster.spec.sources import Predictions as Predictions
from monitoring_dagster.spec.sources import Review as Review
