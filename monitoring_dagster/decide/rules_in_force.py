"""Rules in force for one model: the catalogue, with what its owner wrote."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from monitoring_dagster.decide.judging.limit_rules import number_of
from monitoring_dagster.decide.judging.own_rules import why_unjudged
from monitoring_dagster.decide.rules import RULES, Evidence
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.record import Record
from monitoring_dagster.spec.rules.alert_settings import ALERTS, WINDOWS
from monitoring_dagster.spec.rules.own_rule import OwnRule

_TOLERANCES = "rules.performance"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that a rule is judged by."""

    key: str  # in defs.yaml, with dots
    value: Any
    is_default: bool  # the file does not say it

    @property
    def words(self) -> str:
        """Key and value; a default stands in brackets."""
        return f"{self.key}: {self.shown}"

    @property
    def shown(self) -> str:
        """The value; a default stands in brackets."""
        return f"[{self.value}]" if self.is_default else str(self.value)


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """One rule as it is judged for a model."""

    name: str
    asset: str
    first_step: str
    blocks_retraining: bool
    severity: Setting
    window: tuple[Setting, ...]  # on how many of how many days; empty: it looks at one day or week
    thresholds: tuple[Setting, ...]
    why_not: str = ""  # why it is never judged; empty where it is

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "rule": str(self.name),
            "judged": not self.why_not,
            "why_not": self.why_not,
            "asset": self.asset,
            "first_step": self.first_step,
            "blocks_retraining": self.blocks_retraining,
            "settings": [
                {"key": one.key, "value": one.value, "default": one.is_default}
                for one in (self.severity, *self.window, *self.thresholds)
            ],
        }


def rules_in_force(spec: ModelSpec, signals: Sequence[Signal] = ()) -> list[RuleInForce]:
    """Every rule of this model: those of the catalogue in its order, then the owner's own.

    *signals*, those of a day, tell which of the owner's find nothing to judge; without any nobody
    knows.
    """
    of_catalogue = [
        RuleInForce(
            str(kind),
            RULES[kind].asset,
            RULES[kind].first_step,
            RULES[kind].blocks_retraining,
            _severity(spec, kind),
            _window(spec, kind),
            tuple(_thresholds(spec, kind)),
            _why_not(spec, kind),
        )
        for kind in ALERTS
    ]
    own = (_own(name, rule, signals) for name, rule in spec.rules.own.items())
    return [*of_catalogue, *own]


def _own(name: str, rule: OwnRule, signals: Sequence[Signal]) -> RuleInForce:
    place, usual = f"rules.own.{name}", RULES[FindingKind.OWN_RULE]
    leaves = {one.key.rpartition(".")[2]: one for one in _leaves(place, rule, is_default=False)}
    apart = ("severity", "breaches", "of_days", "first_step")
    return RuleInForce(
        name,
        usual.asset,
        rule.first_step or usual.first_step,
        usual.blocks_retraining,
        leaves["severity"],
        (leaves["breaches"], leaves["of_days"]),
        tuple(one for key, one in leaves.items() if key not in apart),
        why_unjudged(rule, signals) if signals else "",
    )


def _why_not(spec: ModelSpec, kind: FindingKind) -> str:
    if not spec.rules.alert(kind).enabled:
        return f"rules.alerts.{kind}.enabled is false"
    evidence = RULES[kind].evidence
    if evidence in (Evidence.LABELS, Evidence.QUALITY) and spec.labels is None:
        return "the model has no labels"
    if evidence is Evidence.WEEK and not spec.multivariate_drift:
        return "multivariate_drift is false"
    limit = RULES[kind].limit
    if limit is not None and isfinite(limit.unless_written):
        return ""
    if limit is not None and number_of(spec, limit.above) is number_of(spec, limit.below) is None:
        return f"{limit.above or limit.below} is not written"
    return ""


def _severity(spec: ModelSpec, kind: FindingKind) -> Setting:
    written = spec.rules.alert(kind).severity
    usual = " to ".join(dict.fromkeys([RULES[kind].severities[0], RULES[kind].severities[-1]]))
    return Setting(f"rules.alerts.{kind}.severity", written or usual, written is None)


def _window(spec: ModelSpec, kind: FindingKind) -> tuple[Setting, ...]:
    if kind not in WINDOWS:
        return ()
    alert = spec.rules.alert(kind)
    return tuple(
        Setting(f"rules.alerts.{kind}.{name}", value, getattr(alert, name) is None)
        for name, value in alert.window(kind)._asdict().items()
    )


def _thresholds(spec: ModelSpec, kind: FindingKind) -> Iterator[Setting]:
    for key in RULES[kind].settings:
        if key == _TOLERANCES:
            for metric, tolerance in spec.tolerances.items():
                unit = "relative" if tolerance.relative is not None else "absolute"
                value = getattr(tolerance, unit)
                yield Setting(f"{key}.{metric}.{unit}", value, not spec.rules.performance)
        else:
            yield from _at(spec, key)


def _at(spec: ModelSpec, key: str) -> Iterator[Setting]:
    """The values below one *key*; nothing where the file has no such part."""
    value: Any = spec
    is_default = False
    for name in key.split("."):
        if not isinstance(value, Record):
            return
        is_default = is_default or name not in value.model_fields_set
        value = getattr(value, name)
    yield from _leaves(key, value, is_default=is_default)


def _leaves(key: str, value: Any, *, is_default: bool) -> Iterator[Setting]:
    if isinstance(value, Record):
        for name in type(value).model_fields:
            below = is_default or name not in value.model_fields_set
            if getattr(value, name) is not None:
                yield from _leaves(f"{key}.{name}", getattr(value, name), is_default=below)
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(f"{key}.{name}", below, is_default=is_default)
    elif isinstance(value, list):
        plain = [one.model_dump() if isinstance(one, Record) else one for one in value]
        yield Setting(key, plain, is_default)
    else:
        yield Setting(key, value, is_default)
