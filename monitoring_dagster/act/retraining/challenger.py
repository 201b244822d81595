"""A challenger: trained, compared with the champion on the same rows, and registered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from monitoring_dagster.act.promotion import PAIRED
from monitoring_dagster.act.retraining.enough_labels import (
    LabelState,
    LearningDays,
    TooFewLabels,
    TooManyInvalid,
)
from monitoring_dagster.act.retraining.holdout import compare
from monitoring_dagster.act.retraining.training import (
    LabelledFeatures,
    NoChampion,
    answers,
    register,
    train,
)
from monitoring_dagster.decide.retraining_policy import Gate
from monitoring_dagster.sources.labels.spoilt_files import readable_labelled_rows
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.store.days.usable_rows import feature_code_between
from monitoring_dagster.store.ledger.decided.label_decisions import discarded_on
from monitoring_dagster.store.ledger.decided.promotions import PairedResult
from monitoring_dagster.store.models.environment import FEATURE_CODE
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import reference_of

_SHOWN_DAYS, _SHOWN_CHARACTERS = 3, 80


@dataclass(frozen=True)
class Challenger:
    """A registered version and what its comparison said."""

    version: str
    champion: str
    gate: Gate
    numbers: Mapping[str, float]
    paired: PairedResult | None = None  # None where the comparison has no interval


def challenger(
    monitor: Monitor, found: LearningDays, cause: str, attempt: str, by: str
) -> Challenger:
    """Train, compare and register; the version's tags keep all that settling it needs.

    Of the days *found* to learn from, the holdout is the last ``holdout_days`` with mature labels,
    and the training has the ``train_days`` before them. What cannot be read is left out, and said.

    Raises
    ------
    NoChampion, TooFewLabels, TooManyInvalid, NoScore, UnreadableFile, UnusableMetric
    """
    spec, policy = monitor.spec, monitor.spec.retraining
    assert policy is not None, "a model without retraining is never trained here"
    champion = monitor.registry.champion(spec.mlflow_name)
    reference = reference_of(monitor, champion) if champion else None
    if champion is None or reference is None:
        raise NoChampion.of(spec.mlflow_name)
    if not found.training:
        raise TooFewLabels.on(found, 0, days=0, left_out="")
    if found.invalid_share > policy.max_invalid_share:
        raise TooManyInvalid.of(found)
    rows, left_out = _labelled(monitor, [name for name, _ in reference.features], found)
    known, holdout = rows.split(policy.holdout_days)
    if known.count < policy.min_labelled_rows:
        raise TooFewLabels.on(found, known.count, days=known.days.nunique(), left_out=left_out)
    serving = monitor.registry.load_model(spec.mlflow_name, champion)
    now = answers(spec, serving, holdout.features)
    candidate = train(monitor, known, holdout)
    new = answers(spec, candidate.model, holdout.features)
    verdict, numbers = compare(spec, now, new, holdout)
    if left_out:
        verdict = Gate(passed=verdict.passed, words=f"{verdict.words}. {left_out}")
    tags = {
        "cause": cause,
        "requested_by": by,
        "as_of": str(found.as_of),
        "attempt": attempt,
        "compared_with": champion,
        "gate": verdict.words,
        "gate_passed": json.dumps(verdict.passed),
        "holdout": f"{holdout.days.min()} to {holdout.days.max()}",
        "left_out": left_out or "nothing",
    }
    code = feature_code_between(monitor, *candidate.training_window)
    tags |= {FEATURE_CODE: code} if code is not None else {}
    paired = _paired(spec.metric, champion, numbers)
    if paired is not None:
        tags[PAIRED] = json.dumps(paired.as_dict())
    return Challenger(register(monitor, candidate, tags=tags), champion, verdict, numbers, paired)


def _paired(metric: str, champion: str, numbers: Mapping[str, float]) -> PairedResult | None:
    """What is kept of a comparison, of which *numbers* has what is finite."""
    names = ("difference", "difference_low", "difference_high")
    if not all(name in numbers for name in names):
        return None
    difference, low, high = (numbers[name] for name in names)
    n = int(numbers["holdout_rows"])
    return PairedResult(metric, champion, difference, low, high, n)


def _labelled(
    monitor: Monitor, features: list[str], found: LearningDays
) -> tuple[LabelledFeatures, str]:
    """The rows of the days to learn from that can be read, and in words what was left out."""
    spec, known = monitor.spec, {one.day: one for one in found.known}
    own = spec.definition(spec.metric)
    more = [*spec.segments, *(own.columns if own is not None else ())]
    first, last = min(known), max(known)
    quarantined = {one.day for one in found.days if one.state is LabelState.QUARANTINED}
    table, spoilt = readable_labelled_rows(
        spec, first=first, last=last, as_of=found.as_of, features=features,
        further=[one for one in dict.fromkeys(more) if one not in features], root=monitor.root,
        without_days=quarantined,
        without=discarded_on(monitor.ledger.label_decisions.of(monitor.name), found.as_of),
    )  # fmt: skip
    frame = table.to_pandas()
    days = pd.to_datetime(frame["served_at"], utc=True).dt.date
    counts = days.value_counts()
    least = labels_of(spec).min_coverage
    reasons = {one.day: one.words for one in found.days if first <= one.day <= last}
    for day, one in known.items():
        read = int(counts.get(day, 0))
        if read and read >= least * one.predictions:
            del reasons[day]
        else:
            reasons[day] = f"only {read:,} labels could be read"
    rows = LabelledFeatures(
        features=frame[features],
        labels=frame["label"],
        days=days,
        segments=frame[list(spec.segments)],
        further=frame[list(own.columns)] if own is not None else frame[[]],
    )
    words = _left_out(reasons | dict(spoilt.predictions), spoilt.labels)
    return rows.on([day for day in known if day not in reasons]), words


def _left_out(predictions: Mapping[date, str], labels: Mapping[date, str]) -> str:
    """Days and files that were left out, by reason; empty where nothing was."""
    days: dict[str, list[str]] = {}
    for files, what in ((predictions, ""), (labels, "labels of ")):
        for day, reason in sorted(files.items()):
            short = reason if len(reason) <= _SHOWN_CHARACTERS else reason[:_SHOWN_CHARACTERS] + "…"
            days.setdefault(short, []).append(f"{what}{day}")
    said = []
    for reason, named in days.items():
        more = len(named) - _SHOWN_DAYS
        listed = ", ".join(named[:_SHOWN_DAYS]) + (f" and {more} more" if more > 0 else "")
        said.append(f"{listed} ({reason})")
    return f"Left out: {'; '.join(said)}" if said else ""
