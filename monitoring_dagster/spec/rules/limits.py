"""Every threshold, in one place, and what becomes of each rule."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import ClassVar, Literal

from pydantic import Field

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.metrics import Tolerance
from monitoring_dagster.spec.record import Identifier, Misplaced, Record, shown
from monitoring_dagster.spec.rules.alert_settings import ALERTS, CONTROL_LIMIT, Alert, Window
from monitoring_dagster.spec.rules.own_rule import OwnRule
from monitoring_dagster.stats.drift.drift_settings import DriftSettings


class Baseline(Record):
    """What a day is compared with."""

    kind: Literal["training", "frozen", "rolling", "same_weekday"] = Field(
        default="training",
        description="The version's registered reference; the first days that it served, kept for"
        " good; the days before; or the same weekdays before.",
    )
    days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="How many days the window spans; training has none.",
    )

    @property
    def label(self) -> str:
        """Its name in results and messages."""
        if self.kind == "training":
            return self.kind
        return f"{self.kind.replace('_', ' ')}, {self.days} days"


class Drift(Record):
    """When a difference from the reference is called drift."""

    _moved: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"max_alerts_in_30_days": "rules.alerts.feature_drift, breaches and of_days"}
    )

    baselines: list[Baseline] = Field(
        default=[Baseline()],
        min_length=1,
        description="Each is judged; a finding names the one it is about.",
    )

    alpha: float = Field(default=0.05, gt=0, lt=1, description="False discovery rate of one day.")
    min_rows: int = Field(default=100, ge=2)
    min_effect: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Share of rows that fall in other bins than in the reference.",
    )
    min_missing: float = Field(
        default=0.02, gt=0, lt=1, description="Growth of the share of missing values."
    )
    min_new_category: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Share of rows of categories that the reference never had, beyond what is to be"
        " expected where many are rare.",
    )
    min_infinite: float = Field(
        default=0.02, gt=0, lt=1, description="Growth of the share of infinite values."
    )
    min_out_of_range: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Growth of the share of numbers far outside the reference's range.",
    )
    psi_moderate: float = Field(default=0.1, gt=0)
    psi_alert: float = Field(default=0.15, gt=0)
    psi_significant: float = Field(default=0.2, gt=0)

    def settings(self) -> DriftSettings:
        names = {one.name for one in fields(DriftSettings)}
        return DriftSettings(**self.model_dump(include=names))


class Service(Record):
    """When the service itself is called ill."""

    max_error_rate: float = Field(default=0.10, gt=0, lt=1)
    max_p99_ms: float | None = Field(default=None, gt=0)
    min_rows_share: float = Field(
        default=0.5, ge=0, lt=1, description="Of the same weekday's median in the last 4 weeks."
    )
    max_rows_share: float = Field(
        default=3.0, gt=1, description="Of the same weekday's median in the last 4 weeks."
    )
    max_feature_age_hours: float | None = Field(
        default=None,
        gt=0,
        description="Of the median row, by predictions.features_at; by default 3 times the same"
        " weekday's, and at least an hour.",
    )


class Rules(Record):
    """Every threshold, in one place."""

    drift: Drift = Drift()
    performance: dict[str, Tolerance] = Field(
        default_factory=dict,
        description="Metric: how much worse than at registration is tolerated; the first decides"
        " promotions. By default 5 % of log_loss (binary with score), accuracy, or mae.",
    )
    segments: dict[str, dict[str, dict[str, Tolerance]]] = Field(
        default_factory=dict,
        description="Segment column: its value: metric: a tolerance of its own.",
    )
    service: Service = Service()
    alerts: dict[str, Alert] = Field(
        default_factory=dict,
        description="Rule by its name, as messages and runbooks have it: turn it off, give it"
        " another severity, or another number of days.",
    )
    own: dict[Identifier, OwnRule] = Field(
        default_factory=dict, description="Rules of your own by name, on any signal."
    )

    def _check(self) -> None:
        known = [str(one) for one in ALERTS]
        for name, alert in self.alerts.items():
            if name not in ALERTS:
                message = f"there is no rule {shown(name)}. {did_you_mean(name, known)}"
                raise Misplaced(message, "alerts", name)
            try:
                alert.check(FindingKind(name))
            except Misplaced as mistake:
                raise Misplaced(str(mistake), "alerts", name, *mistake.place) from None

    def alert(self, kind: FindingKind) -> Alert:
        """What becomes of the rule *kind*."""
        return self.alerts.get(kind, Alert())

    def window(self, kind: FindingKind) -> Window:
        """On how many of how many judged days the rule *kind* must be broken."""
        return self.alert(kind).window(kind)

    def control_limit(self, kind: FindingKind) -> float:
        """How many standard errors of normal variation the rule *kind* lets pass."""
        return self.alert(kind).control_limit or CONTROL_LIMIT
